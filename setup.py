"""The compiled part of the package; everything else is declared in ``pyproject.toml``."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "trio_sts.audio.speedups",
            ["trio_sts/audio/speedups.c"],
            # Without fused multiplication both engines round alike.
            extra_compile_args=["-O3", "-ffp-contract=off"],
            py_limited_api=True,
            # Without a compiler the package is installed all the same: see engine.py.
            optional=True,
        )
    ],
    # One wheel for every Python.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
