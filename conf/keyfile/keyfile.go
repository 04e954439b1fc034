// Package keyfile reads the keys of auth_hmac, of BFD sessions and of peers, the password of smtp_auth, and
// the tokens and the certificate of web, which stand in files of their own.
package keyfile

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
	"github.com/lvs-director/director/words"
)

// The keys of auth_hmac that stand in files are read by whoever reads the
// configuration: the vrrp worker need not be able to, and its engine must not
// wait for a disk. They travel beside the configuration, which so stays what
// the text says.

// Keys are the keys by the name of their file.
type Keys map[string]conf.Secret

// maxKeyFile is more than a key can be long, written in any way.
const maxKeyFile = 1 << 10

// maxPassword is in bytes.
const maxPassword = 512

const (
	unreadableKey      = "auth-key-file"
	unreadablePassword = "smtp-auth-file"
	unreadablePeer     = "peer-key-file"
)

// Read reads the key files that cfg names. What cannot be read is a
// warning: an instance that has to sign with such a key is in FAULT.
func Read(cfg *conf.Config, fsys syntax.FS) (Keys, []conf.Finding) {
	var keys Keys
	findings := append(readPassword(cfg, fsys, &keys), readWeb(cfg, fsys, &keys)...)
	findings = append(findings, readPeers(cfg, fsys, &keys)...)
	findings = append(findings, readBFDs(cfg, fsys, &keys)...)
	findings = append(findings, CheckModes(cfg, fsys)...)
	tried := make(map[string]error)
	for _, i := range cfg.Instances {
		if i.HMAC == nil {
			continue
		}
		for _, k := range i.HMAC.Keys {
			if k.File == "" {
				continue
			}
			err, again := tried[k.File]
			if !again {
				var key conf.Secret
				if key, err = readKey(k.File, 32, 64, fsys); err == nil {
					if keys == nil {
						keys = make(Keys)
					}
					keys[k.File] = key
				}
				tried[k.File] = err
			}
			if err == nil {
				continue
			}
			pos, ok := cfg.Place(i.HMAC)
			if src, said := cfg.Source(i.HMAC, "key"); said {
				pos, ok = src.Pos, true
			}
			if !ok {
				pos = conf.Pos{File: cfg.Path}
			}
			findings = append(findings, conf.Finding{
				Severity: conf.Warning, Pos: pos, Code: unreadableKey,
				Message: fmt.Sprintf("(%s) auth_hmac: key %d cannot be used: %v", i.Name, k.ID, err),
				Hint:    "director genkey makes a key",
			})
		}
	}
	return keys, findings
}

// readKey reads one: least to most bytes, or hex: and twice as many digits. The end
// of the last line does not count. Errors show nothing of the file.
func readKey(name string, least, most int, fsys syntax.FS) (conf.Secret, error) {
	b, err := read(name, "a key", fsys)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(b), "\r\n")
	if digits, ok := strings.CutPrefix(text, "hex:"); ok {
		raw, err := hex.DecodeString(strings.TrimSpace(digits))
		if err != nil {
			return "", fmt.Errorf("%s begins with \"hex:\", but the rest is not hexadecimal", name)
		}
		text = string(raw)
	}
	if len(text) < least || len(text) > most {
		return "", fmt.Errorf("%s has %s and must have %d to %d", name, words.Count(len(text), "byte"), least, most)
	}
	return conf.Secret(text), nil
}

// read reads a file of at most maxKeyFile bytes, and one more. It does not wait for a pipe.
func read(name, what string, fsys syntax.FS) ([]byte, error) {
	return readMost(name, what, maxKeyFile, fsys)
}

// readBounded reads a file of at most so many bytes: a longer one is an error.
func readBounded(name, what string, most int64, fsys syntax.FS) ([]byte, error) {
	b, err := readMost(name, what, most, fsys)
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("reading %s: %s has more than %d bytes", what, name, most)
	}
	return b, err
}

func readMost(name, what string, most int64, fsys syntax.FS) ([]byte, error) {
	if fsys == nil {
		fsys = syntax.Host{}
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %s: %s is not a regular file", what, name)
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return b, nil
}

// readPassword reads the password of smtp_auth: the first line of its file.
func readPassword(cfg *conf.Config, fsys syntax.FS, keys *Keys) []conf.Finding {
	file := cfg.Global.SMTPAuth.File
	if file == "" {
		return nil
	}
	b, err := read(file, "the password of smtp_auth", fsys)
	text, _, _ := strings.Cut(string(b), "\n")
	text = strings.TrimSuffix(text, "\r")
	if err == nil && (text == "" || len(text) > maxPassword || strings.ContainsRune(text, 0)) {
		err = fmt.Errorf("the first line of %s must be a password of 1 to %d bytes", file, maxPassword)
	}
	if err == nil {
		keys.set(passwordOf(file), conf.Secret(text))
		return nil
	}
	f := conf.Finding{
		Severity: conf.Warning, Pos: conf.Pos{File: cfg.Path}, Code: unreadablePassword,
		Message: "no mail can be sent: " + err.Error(),
	}
	if src, said := cfg.Source(&cfg.Global, "smtp_auth"); said {
		f.Pos = src.Pos
	}
	return []conf.Finding{f}
}

// passwordOf is the place of a password among the keys: a file of a key may have the same name.
func passwordOf(file string) string { return "smtp_auth " + file }

// Password is the one of smtp_auth; empty is none.
func (k Keys) Password(cfg *conf.Config) conf.Secret {
	if cfg.Global.SMTPAuth.File == "" {
		return ""
	}
	return k[passwordOf(cfg.Global.SMTPAuth.File)]
}

// OfInstances are the keys without those that no instance and no BFD session of cfg signs with.
func (k Keys) OfInstances(cfg *conf.Config) Keys {
	var keys Keys
	for _, i := range cfg.Instances {
		if i.HMAC == nil {
			continue
		}
		for _, key := range i.HMAC.Keys {
			if secret, ok := k[key.File]; ok && key.File != "" {
				if keys == nil {
					keys = make(Keys)
				}
				keys[key.File] = secret
			}
		}
	}
	for _, b := range cfg.BFDs {
		if b.Auth == nil || b.Auth.KeyFile == "" {
			continue
		}
		if secret, ok := k[bfdOf(b.Auth.KeyFile)]; ok {
			keys.set(bfdOf(b.Auth.KeyFile), secret)
		}
	}
	return keys
}

// Insist makes unreadable keys errors: a reload with them changes nothing.
func Insist(findings []conf.Finding) {
	for n := range findings {
		switch findings[n].Code {
		case unreadableKey, unreadablePassword, unreadableWeb, unreadablePeer, unreadableBFD:
			findings[n].Severity = conf.Error
		}
	}
}

// Into puts the keys into a configuration that is about to run. It is the
// worker's own copy.
func (k Keys) Into(cfg *conf.Config) {
	for _, i := range cfg.Instances {
		if i.HMAC == nil {
			continue
		}
		for n := range i.HMAC.Keys {
			if key := &i.HMAC.Keys[n]; key.File != "" {
				key.Key = k[key.File]
			}
		}
	}
	for _, b := range cfg.BFDs {
		if b.Auth != nil && b.Auth.KeyFile != "" {
			b.Auth.Key = k[bfdOf(b.Auth.KeyFile)]
		}
	}
}
