# A CA of your own: its key signs, its certificate is what clients trust.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 365 \
    -subj "/CN=my development CA" -keyout ca-key.pem -out ca.pem \
    -addext "basicConstraints=critical,CA:true" -addext "keyUsage=critical,keyCertSign,cRLSign"

# A server's key and certificate, for the names by which clients call it.
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc \
    -subj "/CN=localhost" -keyout server-key.pem -out server.csr
cat > server.ext <<END
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
extendedKeyUsage = serverAuth
END
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 90 \
    -extfile server.ext -out server-cert.pem

# The same for a client, where servers ask for a certificate.
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc \
    -subj "/CN=alice" -keyout client-key.pem -out client.csr
echo "extendedKeyUsage = clientAuth" > client.ext
openssl x509 -req -in client.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 90 \
    -extfile client.ext -out client-cert.pem
