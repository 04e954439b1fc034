package conf

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/lvs-director/director/conf/syntax"
)

var instanceAuth = []keyword[Instance]{
	group("authentication", "{ ... }", 0, func(l *loader, n *syntax.Node, in *Instance) {
		l.authNode[in] = n
		l.begin(&in.Auth, n)
		authKeywords.read(l, n.Children(), &in.Auth)
	}),
	group("auth_hmac", "{ ... }", 0, func(l *loader, n *syntax.Node, in *Instance) {
		if in.HMAC == nil {
			in.HMAC = &AuthHMAC{Mode: "enforce"}
		}
		l.hmacNode[in] = n
		l.begin(in.HMAC, n)
		hmacKeywords.read(l, n.Children(), in.HMAC)
	}),
}

var authKeywords = newTable("authentication", []keyword[Authentication]{
	{name: "auth_type", value: "PASS|AH", deflt: "none", need: 1, set: setAuthType,
		get: func(a *Authentication) []string { return some(a.Type.String()) }},
	{name: "auth_pass", value: "STRING", need: 1, hush: true, set: setAuthPass,
		get: func(a *Authentication) []string { return some(a.Pass.String()) },
		raw: func(a *Authentication) string { return string(a.Pass) }},
})

func setAuthType(l *loader, n *syntax.Node, a *Authentication) {
	switch n.Arg(0) {
	case "PASS":
		a.Type = PassAuth
	case "AH":
		a.Type = AHAuth
	default:
		l.warnArg(n, 0, "unknown-value", "auth_type cannot be %q: the line is ignored", clip(n.Arg(0))).Hint = "PASS or AH, in capitals"
	}
}

// maxPass is the size of the authentication data of version 2 (RFC 2338 section 5.3.10).
const maxPass = 8

func setAuthPass(l *loader, n *syntax.Node, a *Authentication) {
	s := n.Arg(0)
	if len(s) > maxPass {
		l.warnArg(n, 0, "truncated", "auth_pass is longer than %d characters: the first %d are used", maxPass, maxPass)
		s, l.taken = s[:maxPass], true
	}
	a.Pass = Secret(s)
}

var hmacKeywords = newTable("auth_hmac", []keyword[AuthHMAC]{
	{name: "key", value: "1..255 [hex:|file:]VALUE", need: 2, repeat: true, hush: true, set: setHMACKey,
		why: "32 to 64 bytes"},
	number("active_key", 1, 255, "", func(h *AuthHMAC) *uint8 { return &h.ActiveKey }),
	{name: "anti_replay", value: "time|monotonic", deflt: "time", need: 1,
		set: func(l *loader, n *syntax.Node, h *AuthHMAC) {
			switch n.Arg(0) {
			case "time":
				h.Monotonic = false
			case "monotonic":
				h.Monotonic = true
			default:
				l.warnArg(n, 0, "unknown-value", "anti_replay cannot be %q: %s", clip(n.Arg(0)), l.instead())
			}
		},
		get: func(h *AuthHMAC) []string {
			if h.Monotonic {
				return one("monotonic")
			}
			return one("time")
		}},
	wholeSeconds("time_window", 1, 300, "3 times advert_int, at least 5", func(h *AuthHMAC) *time.Duration { return &h.TimeWindow }),
	oneOf("mode", []string{"enforce", "permissive", "receive-only"}, "enforce", func(h *AuthHMAC) *string { return &h.Mode }),
})

func setHMACKey(l *loader, n *syntax.Node, h *AuthHMAC) {
	l.fallback = ""
	id, ok := l.integer(n, 0, 1, 255)
	if !ok {
		return
	}
	key := HMACKey{ID: uint8(id)}
	text := n.Arg(1)
	switch {
	case strings.HasPrefix(text, "file:"):
		key.File = strings.TrimPrefix(text, "file:")
	case strings.HasPrefix(text, "hex:"):
		raw, err := hex.DecodeString(strings.TrimPrefix(text, "hex:"))
		if err != nil {
			l.warnArg(n, 1, "invalid-key", "key %d is not hexadecimal: it is ignored", id)
			return
		}
		key.Key = Secret(raw)
	default:
		key.Key = Secret(text)
	}
	if key.File == "" && (len(key.Key) < 32 || len(key.Key) > 64) {
		l.warnArg(n, 1, "invalid-key", "key %d has %d bytes, and must have 32 to 64: it is ignored", id, len(key.Key))
		return
	}
	for i := range h.Keys {
		if h.Keys[i].ID == key.ID {
			l.warnArg(n, 0, "repeated", "key %d was said before: the first one is used", id)
			return
		}
	}
	h.Keys = append(h.Keys, key)
}
