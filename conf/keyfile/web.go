package keyfile

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// The files of the web block. A page without its certificate is not served, and a token that cannot
// be read allows nothing.

const (
	unreadableWeb = "web-file"
	noPage        = "the page cannot be served"
)

// maxPEM is more than a chain of certificates is long, in bytes.
const maxPEM = 256 << 10

// The length of a token, in bytes. It is sent in a header, so it is of printable ASCII.
const (
	minToken = 32
	maxToken = 128
)

// webKey is the place of a file of the web block among the keys.
func webKey(file string) string { return "web " + file }

// Web is what stands in a file that the web block names; empty when it could not be read.
func (k Keys) Web(file string) conf.Secret { return k[webKey(file)] }

// TokenName is who has a token: its name, or that of its file.
func TokenName(t conf.WebToken) string {
	if t.Name != "" {
		return t.Name
	}
	return filepath.Base(t.File)
}

func readWeb(cfg *conf.Config, fsys syntax.FS, keys *Keys) (findings []conf.Finding) {
	say := func(block any, keyword, consequence string, err error) {
		f := conf.Finding{
			Severity: conf.Warning, Pos: conf.Pos{File: cfg.Path}, Code: unreadableWeb,
			Message: fmt.Sprintf("%s: %v", consequence, err),
		}
		if src, said := cfg.Source(block, keyword); said {
			f.Pos = src.Pos
		}
		findings = append(findings, f)
	}
	take := func(block any, keyword, file, consequence string, secret func() (conf.Secret, error)) {
		if file == "" {
			return
		}
		text, err := secret()
		if err == nil {
			if *keys == nil {
				*keys = make(Keys)
			}
			(*keys)[webKey(file)] = text
			return
		}
		say(block, keyword, consequence, err)
	}
	w := &cfg.Web
	for _, f := range []struct{ keyword, file string }{{"certificate", w.Certificate}, {"key", w.Key}} {
		take(w, f.keyword, f.file, noPage, func() (conf.Secret, error) {
			text, err := readBounded(f.file, "the "+f.keyword+" of web", maxPEM, fsys)
			return conf.Secret(text), err
		})
	}
	if cert, key := keys.Web(w.Certificate), keys.Web(w.Key); cert != "" && key != "" {
		if _, err := tls.X509KeyPair([]byte(cert), []byte(key)); err != nil { // its errors show nothing of the key
			say(w, "certificate", noPage, fmt.Errorf("%s with the key %s: %w", w.Certificate, w.Key, err))
		}
	}
	for _, t := range w.Actions.Tokens {
		take(&w.Actions, "token", t.File, "a token of the page cannot be used", func() (conf.Secret, error) {
			return readToken(t.File, fsys)
		})
	}
	return findings
}

// readToken reads the first line of a file, without the hex: of a key that director genkey made.
// Errors show nothing of the file.
func readToken(file string, fsys syntax.FS) (conf.Secret, error) {
	b, err := readBounded(file, "a token", maxKeyFile, fsys)
	if err != nil {
		return "", err
	}
	text, _, _ := strings.Cut(string(b), "\n")
	text = strings.TrimPrefix(strings.TrimSuffix(text, "\r"), "hex:")
	odd := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0
	if odd || len(text) < minToken || len(text) > maxToken {
		return "", fmt.Errorf("the first line of %s must be a token of %d to %d printable characters without a space",
			file, minToken, maxToken)
	}
	return conf.Secret(text), nil
}
