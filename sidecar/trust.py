"""Which certificates a client of ours trusts: the system's authorities, and one that it is told of.

Standard library only: forwarders use this.
"""

import ssl


def context(ca: str = "") -> ssl.SSLContext:
    """A client's context that verifies certificate and host name.

    Args:
        ca: a PEM file of certificates to trust besides the system's, a server's own one too; empty for none.

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    made = ssl.create_default_context()
    if ca:
        made.load_verify_locations(ca)
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return made
