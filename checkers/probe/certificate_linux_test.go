package probe_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/youmark/pkcs8"

	"github.com/lvs-director/director/checkers/probe"
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

// TestExpiryWarning: a certificate that ends soon, or one of those that sign it, is said; the server is alive.
func TestExpiryWarning(t *testing.T) {
	ours := newAuthority(t) // ends in an hour
	day, now := 24*time.Hour, time.Now()
	serve := func(ends time.Duration, chain bool, subject string, names ...string) *conf.Checker {
		c := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: now.Add(ends), DNSNames: names}
		c.Subject.CommonName = subject
		key, _, der := ours.sign(c)
		sent := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
		if chain {
			sent.Certificate = append(sent.Certificate, ours.cert.Raw)
		}
		config := &tls.Config{Certificates: []tls.Certificate{sent}}
		web := listen(t, "127.0.0.1:0", func(c net.Conn) {
			s := tls.Server(c, config)
			if s.HandshakeContext(context.Background()) != nil {
				return
			}
			s.Read(make([]byte, 4096))
			io.WriteString(s, "HTTP/1.0 200 OK\r\n\r\n")
			s.Close()
		})
		check := httpCheck(web, "/")
		check.Kind, check.HTTP.ExpiryWarning = conf.SSLGet, 30
		return check
	}
	date := func(d time.Duration) string { return now.Add(d).UTC().Format(time.DateOnly) }
	p := newProber(t)
	for _, test := range []struct {
		name string
		c    *conf.Checker
		want string
	}{
		{"soon", serve(25*day, false, "", "www.example", "web.example"),
			"certificate of www.example ends on " + date(25*day)},
		{"tomorrow", serve(day, false, "web 1"), "certificate of web 1 ends on " + date(day)},
		{"over", serve(-2*day, false, "web"), "certificate of web ended on " + date(-2*day)},
		{"a name that is no text", serve(2*day, false, "a\r\nb\x1b"),
			"certificate of \"a\\r\\nb\\x1b\" ends on " + date(2*day)},
		{"no name", serve(2*day, false, ""), "certificate of serial number 2 ends on " + date(2*day)},
		{"later", serve(31*day, false, "web"), ""},
		{"the authority's", serve(31*day, true, "web"), "certificate of serial number 1 ends on "},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := run(t, p, test.c)
			if wantResult(t, r, true, false, test.want); test.want == "" {
				if r.Warning != "" || r.Reason != "status 200" {
					t.Errorf("%+v", r)
				}
			} else if r.Reason != "status 200; "+r.Warning || !strings.HasPrefix(r.Warning, test.want) {
				t.Errorf("%+v", r)
			}
			test.c.HTTP.ExpiryWarning = 0
			if r := run(t, p, test.c); r.Warning != "" || r.Reason != "status 200" {
				t.Errorf("without expiry_warning: %+v", r)
			}
		})
	}
}

// TestDaysUntilTheEnd: the days are those of the calendar, in UTC.
func TestDaysUntilTheEnd(t *testing.T) {
	now := time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	for _, test := range []struct {
		ends time.Time
		want string
	}{
		{now.AddDate(0, 0, 25), "ends on 2027-01-25, in 25 days"},
		{now.Add(time.Second), "ends on 2027-01-01, tomorrow"},
		{now.Add(25 * time.Hour), "ends on 2027-01-02, in 2 days"},
		{now, "ends on 2026-12-31, today"},
		{now.Add(-time.Second), "ended on 2026-12-31, today"},
		{now.Add(-24 * time.Hour), "ended on 2026-12-30, yesterday"},
		{now.AddDate(0, 0, -2), "ended on 2026-12-29, 2 days ago"},
	} {
		chain := []*x509.Certificate{{NotAfter: test.ends, DNSNames: []string{"www.example"}}}
		if got := probe.EndsSoon(chain, 30, now); got != "certificate of www.example "+test.want {
			t.Errorf("%v: %q, want %q", test.ends, got, test.want)
		}
	}
}

// TestNoAuthorities: on a host that believes no authority nothing can be said of a certificate.
func TestNoAuthorities(t *testing.T) {
	const inside = "PROBE_TEST_NO_AUTHORITIES"
	if os.Getenv(inside) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run", "^TestNoAuthorities$", "-test.v")
		none := filepath.Join(t.TempDir(), "none")
		cmd.Env = append(os.Environ(), inside+"=1", "SSL_CERT_FILE="+none, "SSL_CERT_DIR="+none)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	ours := newAuthority(t)
	key, _, der := ours.sign(&x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"www.example"}})
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	c := httpCheck(listen(t, "127.0.0.1:0", func(c net.Conn) { tls.Server(c, config).Handshake() }), "/")
	c.Kind, c.HTTP.Verify, c.HTTP.VerifyName = conf.SSLGet, true, "www.example"
	wantResult(t, run(t, newProber(t), c), false, true, "this host has none: install ca-certificates")
}
