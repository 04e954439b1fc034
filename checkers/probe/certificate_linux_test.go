package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/youmark/pkcs8"

	"github.com/lvs-director/director/conf"
)

// TestClientCertificate: a server that wants a certificate gets that of the SSL block, which
// is read anew for each run.
func TestClientCertificate(t *testing.T) {
	cert := certificate(t)
	config := &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}
	web := listen(t, "127.0.0.1:0", func(c net.Conn) {
		s := tls.Server(c, config)
		if s.Handshake() != nil {
			return
		}
		s.Read(make([]byte, 4096))
		io.WriteString(s, "HTTP/1.0 200 OK\r\n\r\nhello")
		s.Close()
	})
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := pkcs8.MarshalPrivateKey(cert.PrivateKey, []byte("open"), nil)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 as older programs make it
	old, err := x509.EncryptPEMBlock(zeros{}, "PRIVATE KEY", plain, []byte("open"), x509.PEMCipherAES128)
	if err != nil {
		t.Fatal(err)
	}
	oldFile := filepath.Join(dir, "old.key")
	if err := os.WriteFile(oldFile, pem.EncodeToMemory(old), 0o600); err != nil {
		t.Fatal(err)
	}
	shown := write("cert", "CERTIFICATE", cert.Certificate[0])
	key, locked := write("key", "PRIVATE KEY", plain), write("locked", "ENCRYPTED PRIVATE KEY", encrypted)

	p := newProber(t)
	c := httpCheck(web, "/")
	c.Kind = conf.SSLGet
	wantResult(t, run(t, p, c), false, false, "certificate required")
	for name, tc := range map[string]struct {
		ssl       conf.SSL
		ok, local bool
		reason    string
	}{
		"a key":            {conf.SSL{Certificate: shown, Key: key}, true, false, "status 200"},
		"an encrypted key": {conf.SSL{Certificate: shown, Key: locked, Password: "open"}, true, false, "status 200"},
		"an old key":       {conf.SSL{Certificate: shown, Key: oldFile, Password: "open"}, true, false, "status 200"},
		"another password": {conf.SSL{Certificate: shown, Key: locked, Password: "x"}, false, true,
			"decrypt it with the password"},
		"no password":         {conf.SSL{Certificate: shown, Key: locked}, false, true, "set password in the SSL block"},
		"no such certificate": {conf.SSL{Certificate: filepath.Join(dir, "none"), Key: key}, false, true, "no such file"},
		"no key in the file":  {conf.SSL{Certificate: shown}, false, true, "client certificate"},
	} {
		c.HTTP.SSL = &tc.ssl
		t.Run(name, func(t *testing.T) { wantResult(t, run(t, p, c), tc.ok, tc.local, tc.reason) })
	}

	later := filepath.Join(dir, "later")
	c.HTTP.SSL = &conf.SSL{Certificate: later, Key: key}
	wantResult(t, run(t, p, c), false, true, "no such file")
	if err := os.Rename(shown, later); err != nil {
		t.Fatal(err)
	}
	wantResult(t, run(t, p, c), true, false, "status 200")
}

// zeros are not random.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
