"""Do the tests notice when the code is wrong? One small change after the other."""
