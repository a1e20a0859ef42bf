# What is in it, and does the chain hold?
openssl x509 -in server-cert.pem -noout -subject -issuer -dates -ext subjectAltName
openssl verify -CAfile ca.pem -purpose sslserver -verify_hostname localhost server-cert.pem
# Do certificate and key belong together? The two lines must be the same.
openssl x509 -in server-cert.pem -noout -pubkey | sha256sum
openssl pkey -in server-key.pem -pubout | sha256sum
