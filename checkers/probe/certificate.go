package probe

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/youmark/pkcs8"

	"github.com/lvs-director/director/conf"
)

// certificateOf reads the client certificate of the SSL block. It is read for each run, so
// that one which is renewed counts at once.
func certificateOf(s *conf.SSL) (*tls.Certificate, error) {
	if s == nil || s.Certificate == "" {
		return new(tls.Certificate), nil // none
	}
	chain, err := os.ReadFile(s.Certificate)
	if err != nil {
		return nil, &localError{"client certificate", err}
	}
	keyFile := s.Key
	if keyFile == "" {
		keyFile = s.Certificate
	}
	key, err := os.ReadFile(keyFile)
	if err == nil {
		key, err = decrypted(key, string(s.Password))
	}
	if err != nil {
		return nil, &localError{"key of the client certificate", err}
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, &localError{"client certificate " + s.Certificate, err}
	}
	return &pair, nil
}

var errKeyPassword = errors.New("it is encrypted: set password in the SSL block")

// decrypted is a key in PEM, as it is or without its password.
func decrypted(text []byte, password string) ([]byte, error) {
	var block *pem.Block
	for rest := text; ; {
		block, rest = pem.Decode(rest)
		if block == nil {
			return text, nil // whoever needs a key says that there is none
		}
		//lint:ignore SA1019 keys that were made with older programs are encrypted so
		old := x509.IsEncryptedPEMBlock(block)
		if !old && block.Type != "ENCRYPTED PRIVATE KEY" {
			continue
		}
		if password == "" {
			return nil, errKeyPassword
		}
		if old {
			//lint:ignore SA1019 see above
			der, err := x509.DecryptPEMBlock(block, []byte(password))
			if err != nil {
				return nil, fmt.Errorf("decrypt it with the password of the SSL block: %w", err)
			}
			return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), nil
		}
		key, err := pkcs8.ParsePKCS8PrivateKey(block.Bytes, []byte(password))
		if err != nil {
			return nil, fmt.Errorf("decrypt it with the password of the SSL block: %w", err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
	}
}

// withoutPort is a host without the port that may follow it.
func withoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// verifyChain says what is wrong with the certificate of a server that was asked for as name
// (SNI), else as host.
func verifyChain(chain []*x509.Certificate, c *conf.Checker, name, host string) error {
	if len(chain) == 0 {
		return errors.New("the server has no certificate")
	}
	o := x509.VerifyOptions{DNSName: cmp.Or(c.HTTP.VerifyName, name, withoutPort(host)), Intermediates: x509.NewCertPool()}
	if o.DNSName == "" {
		o.DNSName = c.ConnectIP.Unmap().WithZone("").String()
	}
	for _, more := range chain[1:] {
		o.Intermediates.AddCert(more)
	}
	if file := c.HTTP.VerifyCA; file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return &localError{"certificates of authorities", err}
		}
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(text) {
			return &localError{"certificates of authorities", fmt.Errorf("%s has none", file)}
		}
	}
	_, err := chain[0].Verify(o)
	var unknown x509.UnknownAuthorityError
	if o.Roots == nil && errors.As(err, &unknown) {
		if pool, failed := x509.SystemCertPool(); failed != nil || pool.Equal(x509.NewCertPool()) {
			return &localError{"certificates of authorities", errNoAuthorities} // nobody would be good
		}
	}
	return err
}

var errNoAuthorities = errors.New("this host has none: install ca-certificates, or set verify_ca")

// endsSoon warns of the certificate of a chain that ends first, when that is within so many days.
func endsSoon(chain []*x509.Certificate, days int, now time.Time) string {
	if days == 0 || len(chain) == 0 {
		return ""
	}
	first := slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	end := first.NotAfter.UTC()
	if end.Sub(now) > time.Duration(days)*day {
		return ""
	}
	verb, when := "ends", ""
	if end.Before(now) {
		verb = "ended"
	}
	// Days of the calendar, as in the date: the text changes once a day.
	switch left := int(end.Truncate(day).Sub(now.UTC().Truncate(day)) / day); {
	case left > 1:
		when = fmt.Sprintf("in %d days", left)
	case left == 1:
		when = "tomorrow"
	case left == 0:
		when = "today"
	case left == -1:
		when = "yesterday"
	default:
		when = fmt.Sprintf("%d days ago", -left)
	}
	return fmt.Sprintf("certificate of %s %s on %s, %s", holder(first), verb, end.Format(time.DateOnly), when)
}

const day = 24 * time.Hour

// holder is whose certificate it is, fit for one line.
func holder(c *x509.Certificate) string {
	name := c.Subject.CommonName
	switch {
	case len(c.DNSNames) > 0:
		name = c.DNSNames[0]
	case name == "":
		name = "serial number " + c.SerialNumber.String()
	}
	if quoted := quote([]byte(name)); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}
