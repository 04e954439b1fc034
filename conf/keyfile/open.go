package keyfile

import (
	"fmt"
	"io/fs"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// OpenSecret is the code of a finding about a file with a secret that others than its owner and group may read
// or write.
const OpenSecret = "open-secret"

// others are the permissions that such a file has for nobody.
const others fs.FileMode = 0o006

// CheckModes says which files with secrets are open to all users of this host. One that is not there, or cannot
// be looked at, is no finding of this kind. In a directory that is closed to them it is one all the same: that may be
// another one tomorrow.
func CheckModes(cfg *conf.Config, fsys syntax.FS) (list []conf.Finding) {
	if fsys == nil {
		fsys = syntax.Host{}
	}
	told := make(map[string]bool)
	look := func(block any, keyword, what, file string) {
		if file == "" || told[file] {
			return
		}
		info, err := fsys.Stat(file)
		if err != nil || !info.Mode().IsRegular() || info.Mode()&others == 0 {
			return
		}
		told[file] = true
		f := conf.Finding{
			Severity: conf.Warning, Pos: conf.Pos{File: cfg.Path}, Code: OpenSecret,
			Message: fmt.Sprintf("%s is in %s, which all users of this host may read or write (mode %04o)", what, file,
				info.Mode().Perm()),
			Hint: "chmod o= " + file,
		}
		if src, said := cfg.Source(block, keyword); said {
			f.Pos = src.Pos
		}
		list = append(list, f)
	}
	for _, p := range cfg.Peers {
		look(p, "key", fmt.Sprintf("the key of peer %s", p.Address), p.KeyFile)
	}
	for _, i := range cfg.Instances {
		if i.HMAC == nil {
			continue
		}
		for _, k := range i.HMAC.Keys {
			look(i.HMAC, "key", fmt.Sprintf("(%s) key %d of auth_hmac", i.Name, k.ID), k.File)
		}
	}
	for _, b := range cfg.BFDs {
		if b.Auth != nil {
			look(b, "meticulous_sha1", "the key of bfd_instance "+b.Name, b.Auth.KeyFile)
		}
	}
	look(&cfg.Global, "smtp_auth", "the password of smtp_auth", cfg.Global.SMTPAuth.File)
	look(&cfg.Web, "key", "the key of the page's certificate", cfg.Web.Key)
	for _, t := range cfg.Web.Actions.Tokens {
		look(&cfg.Web.Actions, "token", "a token of the page", t.File)
	}
	return list
}
