package keyfile

import (
	"fmt"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

const unreadableBFD = "bfd-key-file"

// maxBFDKey is the longest key in bytes (RFC 5880 section 6.7.4).
const maxBFDKey = 20

// readBFDs reads the keys of BFD sessions. A file that cannot be read is a warning: the session stays
// down, and everything else works.
func readBFDs(cfg *conf.Config, fsys syntax.FS, keys *Keys) (findings []conf.Finding) {
	for _, b := range cfg.BFDs {
		if b.Auth == nil || b.Auth.KeyFile == "" {
			continue
		}
		key, err := readKey(b.Auth.KeyFile, 1, maxBFDKey, fsys)
		if err == nil {
			keys.set(bfdOf(b.Auth.KeyFile), key)
			continue
		}
		f := conf.Finding{
			Severity: conf.Warning, Pos: conf.Pos{File: cfg.Path}, Code: unreadableBFD,
			Message: fmt.Sprintf("bfd_instance %s stays down: %v", b.Name, err),
		}
		if src, said := cfg.Source(b, "meticulous_sha1"); said {
			f.Pos = src.Pos
		}
		findings = append(findings, f)
	}
	return findings
}

// bfdOf is the place of the key of a BFD session among the keys.
func bfdOf(file string) string { return "bfd " + file }
