'use strict';

// The tests have no .env.
exports.config = () => ({ parsed: {} });
