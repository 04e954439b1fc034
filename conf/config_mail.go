package conf

import (
	"fmt"
	"strings"
	"unicode"
)

// maxMailAddress is in characters (RFC 5321 section 4.5.3.1.3).
const maxMailAddress = 254

// CheckMailAddress says what is wrong with an address that mail is to be sent to: it must be one
// word that can stand between angle brackets. One without a domain is for a server on this host.
func CheckMailAddress(a string) error {
	odd := func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune("<>,;:\\\"()", r) ||
			r == unicode.ReplacementChar
	}
	switch {
	case a == "":
		return fmt.Errorf("the address is empty")
	case len(a) > maxMailAddress:
		return fmt.Errorf("the address has %d characters and may have %d", len(a), maxMailAddress)
	case strings.ContainsFunc(a, odd), strings.HasPrefix(a, "@"), strings.HasSuffix(a, "@"):
		return fmt.Errorf("%q is not a mail address", a)
	}
	return nil
}

// SMTPTLS is smtp_tls: whether mail is encrypted on its way to the server.
type SMTPTLS struct {
	Mode string // SMTPTLSOff and its like; empty is SMTPTLSMay, and SMTPTLSRequired with SMTPAuth
	Name string // that the certificate must have; empty is that of the server
	CA   string // a file of certificates to trust; empty is the host's
}

// The modes of smtp_tls.
const (
	SMTPTLSOff      = "off"
	SMTPTLSMay      = "may"      // STARTTLS when it is offered; the certificate is not looked at
	SMTPTLSRequired = "required" // STARTTLS, and the certificate is verified
	SMTPTLSImplicit = "implicit" // TLS from the first byte (RFC 8314), and the certificate is verified
)

// SMTPAuth is smtp_auth: who logs in to the mail server.
type SMTPAuth struct {
	User   string // empty: nobody does
	File   string // with the password
	Method string // PLAIN, LOGIN or CRAM-MD5; empty is the best that the server offers
}

// SMTPAuthMethods are those of smtp_auth.
var SMTPAuthMethods = []string{"PLAIN", "LOGIN", "CRAM-MD5"}
