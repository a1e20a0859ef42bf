# A server to try a client against: it sends back each line, reversed.
openssl s_server -accept 127.0.0.1:$PORT -cert server-cert.pem -key server-key.pem -rev
