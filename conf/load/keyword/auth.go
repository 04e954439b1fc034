package keyword

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

var instanceAuth = []keyword[conf.Instance]{
	group("authentication", "{ ... }", 0, func(l *Loader, n *syntax.Node, in *conf.Instance) {
		l.AuthNode[in] = n
		l.Begin(&in.Auth, n)
		Auth.Read(l, n.Children(), &in.Auth)
	}),
	group("auth_hmac", "{ ... }", 0, func(l *Loader, n *syntax.Node, in *conf.Instance) {
		if in.HMAC == nil {
			in.HMAC = &conf.AuthHMAC{Mode: "enforce"}
		}
		l.HMACNode[in] = n
		l.Begin(in.HMAC, n)
		HMAC.Read(l, n.Children(), in.HMAC)
	}),
}

// Auth is the authentication block.
var Auth = newTable("authentication", []keyword[conf.Authentication]{
	{name: "auth_type", value: "PASS|AH", deflt: "none", need: 1, set: setAuthType,
		get: func(a *conf.Authentication) []string { return some(a.Type.String()) }},
	{name: "auth_pass", value: "STRING", need: 1, hush: true, secret: allSecret, set: setAuthPass,
		get: func(a *conf.Authentication) []string { return some(a.Pass.String()) },
		raw: func(a *conf.Authentication) string { return string(a.Pass) }},
})

func setAuthType(l *Loader, n *syntax.Node, a *conf.Authentication) {
	switch n.Arg(0) {
	case "PASS":
		a.Type = conf.PassAuth
	case "AH":
		a.Type = conf.AHAuth
	default:
		l.WarnArg(n, 0, "unknown-value", "auth_type cannot be %q: the line is ignored",
			value.Clip(n.Arg(0))).Hint = "PASS or AH, in capitals"
	}
}

// maxPass is the size of the authentication data of version 2 (RFC 2338 section 5.3.10).
const maxPass = 8

func setAuthPass(l *Loader, n *syntax.Node, a *conf.Authentication) {
	s := n.Arg(0)
	if len(s) > maxPass {
		l.WarnArg(n, 0, "truncated", "auth_pass is longer than %d characters: the first %d are used", maxPass, maxPass)
		s, l.Taken = s[:maxPass], true
	}
	a.Pass = conf.Secret(s)
}

// HMAC is the auth_hmac block.
var HMAC = newTable("auth_hmac", []keyword[conf.AuthHMAC]{
	{name: "key", value: "1..255 [hex:|file:]VALUE", need: 2, repeat: true, hush: true,
		secret: allSecret, set: setHMACKey, why: "32 to 64 bytes"},
	number("active_key", 1, 255, "", func(h *conf.AuthHMAC) *uint8 { return &h.ActiveKey }),
	{name: "anti_replay", value: "time|monotonic", deflt: "time", need: 1,
		set: func(l *Loader, n *syntax.Node, h *conf.AuthHMAC) {
			switch n.Arg(0) {
			case "time":
				h.Monotonic = false
			case "monotonic":
				h.Monotonic = true
			default:
				l.WarnArg(n, 0, "unknown-value", "anti_replay cannot be %q: %s", value.Clip(n.Arg(0)), l.Instead())
			}
		},
		get: func(h *conf.AuthHMAC) []string {
			if h.Monotonic {
				return one("monotonic")
			}
			return one("time")
		}},
	wholeSeconds("time_window", 1, 300, "3 times advert_int, at least 5", func(h *conf.AuthHMAC) *time.Duration {
		return &h.TimeWindow
	}),
	oneOf("mode", []string{"enforce", "permissive", "receive-only"}, "enforce", func(h *conf.AuthHMAC) *string {
		return &h.Mode
	}),
})

func setHMACKey(l *Loader, n *syntax.Node, h *conf.AuthHMAC) {
	l.Fallback = ""
	id, ok := l.Integer(n, 0, 1, 255)
	if !ok {
		return
	}
	key := conf.HMACKey{ID: uint8(id)}
	text := n.Arg(1)
	switch {
	case strings.HasPrefix(text, "file:"):
		key.File = strings.TrimPrefix(text, "file:")
	case strings.HasPrefix(text, "hex:"):
		raw, err := hex.DecodeString(strings.TrimPrefix(text, "hex:"))
		if err != nil {
			l.WarnArg(n, 1, "invalid-key", "key %d is not hexadecimal: it is ignored", id)
			return
		}
		key.Key = conf.Secret(raw)
	default:
		key.Key = conf.Secret(text)
	}
	if key.File == "" && (len(key.Key) < 32 || len(key.Key) > 64) {
		l.WarnArg(n, 1, "invalid-key", "key %d has %d bytes, and must have 32 to 64: it is ignored", id, len(key.Key))
		return
	}
	for i := range h.Keys {
		if h.Keys[i].ID == key.ID {
			l.WarnArg(n, 0, "repeated", "key %d is already set: the first one is used", id)
			return
		}
	}
	h.Keys = append(h.Keys, key)
}
