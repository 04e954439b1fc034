//go:build linux

package native_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/stage"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, s *server, name string) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = sign(t, s, name, a)
	return a
}

// sign writes NAME.pem and NAME.key into the server's /etc. An authority without a certificate signs
// its own.
func sign(t *testing.T, s *server, name string, a *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.file(name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	s.file(name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	return cert, key
}

// nginxConf has, by turns, the address and port of HTTP, of HTTPS and of HTTPS with client
// certificates. Its page /page is made by a filter, so that its length is not known: it comes in chunks.
const nginxConf = `
user root;
daemon off;
worker_processes 1;
error_log stderr;
pid /run/nginx.pid;
events {}
http {
	access_log off;
	default_type text/html;
	ssl_certificate /etc/a.example.pem;
	ssl_certificate_key /etc/a.example.key;
	server {
		listen %[1]s default_server;
		location = /page { ssi on; alias /etc/page.html; }
		location = /busy { return 503; }
		location = /moved { return 302 http://a.example/; }
		location = /post {
			if ($request_method != POST) { return 405; }
			if ($http_x_check != "shop") { return 400; }
			return 200 "thank you";
		}
		location = /protocol { return 200 "$server_protocol"; }
		location = /host { return 200 "$http_host"; }
		location = /posted { return 200 "$content_length bytes"; }
	}
	server {
		listen %[1]s;
		server_name a.example;
		location / { return 200 "this is a"; }
	}
	server {
		listen %[2]s ssl default_server;
		ssl_reject_handshake on;
	}
	server {
		listen %[2]s ssl;
		server_name a.example;
		location = / { return 200 "name $ssl_server_name"; }
		location = /page { ssi on; alias /etc/page.html; }
	}
	server {
		listen %[3]s ssl;
		ssl_client_certificate /etc/authority.pem;
		ssl_verify_client on;
		location / { return 200 "$ssl_client_s_dn"; }
	}
	server {
		listen %[4]s http2;
		location = /page { alias /etc/page.html; }
		location = /busy { return 503; }
		location = /post {
			if ($request_method != POST) { return 405; }
			client_body_buffer_size 1k;
			proxy_pass http://%[1]s/posted;
		}
		location / { return 200 "$server_protocol $http_host $http_x_check $ssl_server_name"; }
	}
	server {
		listen %[5]s ssl http2;
		location = /page { alias /etc/page.html; }
		location / { return 200 "$server_protocol $http_host $http_x_check $ssl_server_name"; }
	}
}`

// TestServersNginx: pages, their digests and expressions, chunks and TLS of a real web server.
func TestServersNginx(t *testing.T) {
	t.Parallel()
	s := newServer(t, stage.Unpacked(t, "nginx", "usr/sbin/nginx"))
	ca := newAuthority(t, s, "authority")
	sign(t, s, "a.example", ca)
	sign(t, s, "director", ca)
	newAuthority(t, s, "stranger")
	page := strings.Repeat("<p>one of many lines</p>\n", 4000) + "<p>the end of the page</p>\n"
	s.file("page.html", page)
	plain, secure, closed, plain2, secure2 := s.port(), s.port(), s.port(), s.port(), s.port()
	at := func(port uint16) string { return fmt.Sprintf("%v:%d", s.addr, port) }
	s.file("nginx.conf", fmt.Sprintf(nginxConf, at(plain), at(secure), at(closed), at(plain2), at(secure2)))
	s.start("mkdir -p /var/lib/nginx; exec nginx -c /etc/nginx.conf")

	get := func(url string) string { return "HTTP_GET {\nconnect_timeout 5\nurl {\n" + url + "\n}\n}" }
	get11 := func(url string) string { return "HTTP_GET {\nhttp_protocol 1.1\nurl {\n" + url + "\n}\n}" }
	digest := fmt.Sprintf("path /page\ndigest %x", md5.Sum([]byte(page)))
	s.alive(plain, get("path /page"), "status 200")
	s.alive(plain, get(digest), "")
	s.dead(plain, get("path /page\ndigest 00112233445566778899aabbccddeeff"), fmt.Sprintf("%x", md5.Sum([]byte(page))))
	s.alive(plain, get11(digest+"\ndechunk"), "")
	s.dead(plain, get11(digest), "digest")
	s.alive(plain, get11("path /page\ndechunk\nregex \"<p>the end of the page</p>\\n$\""), "")
	s.dead(plain, get("path /page\nregex \"no such line\""), "regex")
	s.dead(plain, get("path /page\nregex_no_match \"the end\""), "regex")
	s.alive(plain, get("path /protocol\nregex \"^HTTP/1.0$\""), "")
	s.alive(plain, get11("path /protocol\nregex \"^HTTP/1.1$\""), "")
	s.dead(plain, get("path /nowhere"), "status 404, want 200-299")
	s.dead(plain, get("path /busy"), "status 503, want 200-299")
	s.alive(plain, get("path /busy\nstatus_code 503"), "status 503")
	s.dead(plain, get("path /moved"), "status 302")
	s.alive(plain, get("path /moved\nstatus_code 200-399"), "status 302")
	s.alive(plain, get("path /\nvirtualhost a.example\nregex \"^this is a$\""), "")
	s.alive(plain, get(fmt.Sprintf("path /host\nregex \"^%s$\"", at(plain))), "")
	s.dead(plain, get("path /post"), "status 405")
	s.dead(plain, get("path /post\nbody x"), "status 400")
	s.alive(plain, get11("path /post\nheaders {\nX-Check shop\n}\nbody x\nregex \"^thank you$\""), "")

	sslGet := func(words, url string) string { return "SSL_GET {\n" + words + "\nurl {\n" + url + "\n}\n}" }
	file := func(name string) string { return filepath.Join(s.dir, name) }
	const a = "path /\nvirtualhost a.example"
	s.alive(secure, sslGet("enable_sni", a+"\nregex \"^name a.example$\""), "status 200")
	s.alive(secure, sslGet("sni_name a.example\nhttp_protocol 1.1", digest+"\nvirtualhost a.example\ndechunk"), "")
	s.dead(secure, sslGet("", a), "TLS handshake: remote error: tls: unrecognized name")
	s.dead(secure, sslGet("sni_name b.example", a), "TLS handshake: remote error: tls: unrecognized name")
	verify := "enable_sni\nverify\nverify_ca "
	s.alive(secure, sslGet(verify+file("authority.pem"), a), "status 200")
	s.dead(secure, sslGet(verify+file("stranger.pem"), a), "unknown authority")
	s.dead(secure, sslGet(verify+file("authority.pem")+"\nverify_name b.example", a), "b.example")
	s.dead(plain, sslGet("", a), "TLS handshake")
	s.dead(secure, get("path /"), "status 400")

	s.dead(closed, sslGet("", "path /"), "status 400")
	s.global = fmt.Sprintf("SSL {\ncertificate %s\nkey %s\n}", file("director.pem"), file("director.key"))
	s.alive(closed, sslGet("", "path /\nregex \"CN=director\""), "status 200")
	s.global = fmt.Sprintf("SSL {\ncertificate %s\nkey %s\n}", file("stranger.pem"), file("stranger.key"))
	s.dead(closed, sslGet("", "path /"), "status 400")
	s.global = ""

	get2 := func(url string) string { return "HTTP_GET {\nhttp_protocol 2\nurl {\n" + url + "\n}\n}" }
	s.alive(plain2, get2(digest), "status 200, digest as configured")
	s.dead(plain2, get2("path /page\ndigest 00112233445566778899aabbccddeeff"), fmt.Sprintf("%x", md5.Sum([]byte(page))))
	s.alive(plain2, get2("path /\nvirtualhost a.example\nheaders {\nX-Check shop\n}\n"+
		"regex \"^HTTP/2.0 a.example shop $\""), "")
	s.dead(plain2, get2("path /busy"), "status 503, want 200-299")
	s.dead(plain2, get2("path /post"), "status 405")
	s.alive(plain2, get2("path /post\nbody "+strings.Repeat("x", 3000)+"\nregex \"^3000 bytes$\""), "")
	s.dead(plain, get2("path /"), "is not HTTP/2")
	s.alive(secure2, sslGet("http_protocol 2\nenable_sni", digest+"\nvirtualhost a.example"), "status 200")
	s.alive(secure2, sslGet("http_protocol 2\n"+verify+file("authority.pem"),
		a+"\nregex \"^HTTP/2.0 a.example  a.example$\""), "")
	s.dead(secure, sslGet("http_protocol 2\nenable_sni", a), "TLS handshake: remote error: tls: no application protocol")

	s.refused(plain, get("path /page"))
	s.refused(secure, sslGet("enable_sni", a))
}
