"""Ed25519 signatures, by the package `cryptography` (extra `signing`): the only place that knows it.

Public keys are the one-line form of OpenSSH, `ssh-ed25519 AAAA…`; a private key is a file of `ssh-keygen -t ed25519`
or PEM. Signatures are base64.
"""

from __future__ import annotations

import base64

from kb.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

GET = "pip install 'guideline-kb[signing]'"


class SigningError(ValueError):
    """A key that cannot be read or used; the text says what to do."""


def verify(key: str, message: bytes, signature: str) -> bool | None:
    """Whether `signature` is the one of `key` over `message`; None where `cryptography` is not installed."""
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_ssh_public_key
    except ImportError:
        return None
    try:
        public = load_ssh_public_key(key.encode())
        if not isinstance(public, Ed25519PublicKey):
            return False
        public.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


class Signer:
    """A private key, read once. `public` is its public half, as the policy of a base has it."""

    def __init__(self, content: bytes, name: str, passphrase: Callable[[], str] | None = None) -> None:
        """`content` of the file called `name`; `passphrase` is asked where the key is encrypted.

        Raises:
            SigningError: it is no Ed25519 key, the passphrase is wrong, or `cryptography` is not installed.

        """
        try:
            from cryptography.exceptions import UnsupportedAlgorithm
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
            from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        except ImportError as error:
            raise SigningError(f"signing needs the package `cryptography`: {GET}") from error
        key: Any
        try:
            key = _private(content, None)
        except TypeError as error:  # it is encrypted
            word = passphrase().encode() if passphrase is not None else b""
            if not word:
                raise SigningError(f"{name} is encrypted, and no passphrase was given") from error
            try:
                key = _private(content, word)
            except ValueError as wrong:
                raise SigningError(f"{name} cannot be opened with this passphrase") from wrong
            except UnsupportedAlgorithm as wrong:
                raise SigningError(f"{name} is encrypted, and opening it needs more: {GET}") from wrong
        except (ValueError, UnsupportedAlgorithm) as error:
            help = "`ssh-keygen -t ed25519` makes one; the file without `.pub` is the private key"
            raise SigningError(f"{name} is no private key that can be read; {help}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SigningError(f"{name} is a key of another kind; `ssh-keygen -t ed25519` makes one that can be used")
        self._key = key
        self.public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")

    def sign(self, message: bytes) -> str:
        """The signature over `message`."""
        return base64.b64encode(self._key.sign(message)).decode("ascii")


def _private(content: bytes, passphrase: bytes | None) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in content else load_pem_private_key
    try:
        return load(content, passphrase)
    except ValueError as error:  # OpenSSH keys say so in words, PEM keys by a TypeError
        if passphrase is None and "encrypted" in str(error).lower():
            raise TypeError(str(error)) from error
        raise
