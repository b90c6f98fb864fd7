"""The product: settings, addresses, start-up, and the kernel (`common`) that the other apps stand on."""
