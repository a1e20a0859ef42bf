# What does the server say, and does its chain hold? -brief is the short form; leave it out for all.
openssl s_client -connect 127.0.0.1:$PORT -servername localhost -CAfile ca.pem \
    -verify_hostname localhost -verify_return_error -brief < /dev/null

# The certificates as they are sent, and the names in the first of them.
openssl s_client -connect 127.0.0.1:$PORT -servername localhost -showcerts < /dev/null 2> /dev/null |
    openssl x509 -noout -subject -ext subjectAltName

# Each message of the handshake; add -tls1_2 to see them all in the clear.
openssl s_client -connect 127.0.0.1:$PORT -servername localhost -CAfile ca.pem -msg < /dev/null |
    grep '^[<>]'
