"""A stand-in for AVR Core and for avr-ami, to place calls from a terminal."""
