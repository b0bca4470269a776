#!/bin/sh
# In the place of the TLS tests, where there is no TLS to be tested.
echo '1..0 # SKIP built without OpenSSL: check_tls* and check_client_tls are not there'
