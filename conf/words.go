package conf

import (
	"strconv"
	"strings"
	"time"
)

// Words is the address as the words of a line.
func (a Address) Words() []string {
	words := []string{a.Prefix.String()}
	add := func(w ...string) { words = append(words, w...) }
	if a.Device != "" {
		add("dev", a.Device)
	}
	if a.Scope != "" {
		add("scope", a.Scope)
	}
	if a.Label != "" {
		add("label", a.Label)
	}
	switch {
	case a.BroadcastAuto:
		add("brd", "+")
	case a.Broadcast.IsValid():
		add("brd", a.Broadcast.String())
	}
	if a.Peer.IsValid() {
		add("peer", a.Peer.String())
	}
	for _, f := range []struct {
		name string
		on   bool
	}{
		{"home", a.Home}, {"-nodad", a.DAD}, {"mngtmpaddr", a.MngTmpAddr}, {"noprefixroute", a.NoPrefixRoute},
		{"autojoin", a.AutoJoin}, {"no_track", a.NoTrack}, {"use_vmac", a.UseVMAC},
	} {
		if f.on {
			add(f.name)
		}
	}
	if a.PreferredLifetime != Forever {
		add("preferred_lft", strconv.FormatInt(int64(a.PreferredLifetime/time.Second), 10))
	}
	if a.TrackGroup != "" {
		add("track_group", a.TrackGroup)
	}
	return words
}

// Words is the entry as the words of a line.
func (e GroupEntry) Words() []string {
	if e.FWMark != 0 {
		words := []string{"fwmark", strconv.FormatUint(uint64(e.FWMark), 10)}
		if e.IPv6 {
			words = append(words, "inet6")
		}
		return words
	}
	words := []string{e.First.String()}
	if e.Last != e.First {
		words[0] += "-" + e.Last.String()
	}
	if e.Port != 0 {
		words = append(words, strconv.Itoa(int(e.Port)))
	}
	return words
}

// Words is the script as the words of a line.
func (s Script) Words() []string {
	if s.IsZero() {
		return nil
	}
	words := []string{s.Command}
	if s.Command == "" {
		words[0] = strings.Join(s.Argv, " ")
	}
	if s.User != "" {
		words = append(words, s.User)
		if s.Group != "" {
			words = append(words, s.Group)
		}
	}
	return words
}

// Words is the tunnel as the words of a line; nil unless m is TUN.
func (t Tunnel) Words(m ForwardMethod) []string {
	if m != TUN {
		return nil
	}
	words := []string{"type", t.Type.String()}
	if t.Port != 0 {
		words = append(words, "port", strconv.Itoa(int(t.Port)))
	}
	if t.Checksum != "" {
		words = append(words, t.Checksum)
	}
	return words
}
