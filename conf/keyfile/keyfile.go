// Package keyfile reads the keys of auth_hmac that stand in files of their own.
package keyfile

import (
	"encoding/hex"
	"errors"
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

const unreadableKey = "auth-key-file"

// Read reads the key files that cfg names. What cannot be read is a
// warning: an instance that has to sign with such a key is in FAULT.
func Read(cfg *conf.Config, fsys syntax.FS) (Keys, []conf.Finding) {
	var keys Keys
	var findings []conf.Finding
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
				if key, err = readKey(k.File, fsys); err == nil {
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

// readKey reads one: 32 to 64 bytes, or hex: and twice as many digits. The end
// of the last line does not count. Errors show nothing of the file.
func readKey(name string, fsys syntax.FS) (conf.Secret, error) {
	if fsys == nil {
		fsys = syntax.Host{}
	}
	f, err := fsys.Open(name)
	if err != nil {
		return "", fmt.Errorf("reading a key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("reading a key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("reading a key: %s is not a regular file", name)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return "", fmt.Errorf("reading a key: %w", err)
	}
	text := strings.TrimRight(string(b), "\r\n")
	if digits, ok := strings.CutPrefix(text, "hex:"); ok {
		raw, err := hex.DecodeString(strings.TrimSpace(digits))
		if err != nil {
			return "", fmt.Errorf("%s begins with \"hex:\", but the rest is not hexadecimal", name)
		}
		text = string(raw)
	}
	if len(text) < 32 || len(text) > 64 {
		return "", errors.New(name + " has " + words.Count(len(text), "byte") + " and must have 32 to 64")
	}
	return conf.Secret(text), nil
}

// Insist makes unreadable keys errors: a reload with them changes nothing.
func Insist(findings []conf.Finding) {
	for n := range findings {
		if findings[n].Code == unreadableKey {
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
}
