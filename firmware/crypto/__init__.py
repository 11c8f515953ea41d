"""What MicroPython lacks: P-256 signatures, AES-CCM, HKDF; and nothing more."""
