package ipvsadm

import (
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

// Blocks are the virtual_server blocks that make this table. Notes say what a
// configuration cannot have, one a line.
func Blocks(list []Service) (text string, notes []string) {
	var b strings.Builder
	for _, s := range list {
		if len(s.Servers) == 0 {
			notes = append(notes, fmt.Sprintf("%s has no real server and is left out", s.Key))
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		block(&b, s)
		for _, d := range s.Servers {
			if d.Forward == table.LocalNode {
				notes = append(notes, fmt.Sprintf("%s of %s is this host itself, and the kernel does not tell by which method: "+
					"it is written as DR", d.Key, s.Key))
			}
		}
	}
	return b.String(), notes
}

// block writes one virtual server.
func block(b *strings.Builder, s Service) {
	line := func(indent int, words ...string) {
		b.WriteString(strings.Repeat("    ", indent) + strings.Join(words, " ") + "\n")
	}
	if s.Key.FWMark != 0 {
		line(0, "virtual_server fwmark", fmt.Sprint(s.Key.FWMark), "{")
		if s.Key.IPv6 {
			line(1, "ip_family inet6")
		}
	} else {
		line(0, "virtual_server", s.Key.Address.String(), portWord(s.Key.Port), "{")
		line(1, "protocol", strings.ToUpper(s.Key.Protocol.String()))
	}
	line(1, "lb_algo", s.Scheduler)
	for _, flag := range s.schedulerFlags() {
		line(1, flag)
	}
	if s.Flags&table.FlagOnePacket != 0 {
		line(1, "ops")
	}
	method := methodWords(s.Servers[0])
	line(1, "lb_kind", method)
	if s.Flags&table.FlagPersistent != 0 {
		line(1, "persistence_timeout", fmt.Sprint(s.Timeout))
		if s.masked() {
			line(1, "persistence_granularity", s.maskText())
		}
		if s.Engine != "" {
			line(1, "persistence_engine", s.Engine)
		}
	}
	for _, d := range s.Servers {
		port := []string{portWord(d.Key.Port)}
		if d.Key.Port == 0 {
			port = nil // that of the virtual server: none
		}
		line(1, append(append([]string{"real_server", d.Key.Address.String()}, port...), "{")...)
		line(2, "weight", fmt.Sprint(d.Weight))
		if own := methodWords(d); own != method {
			line(2, "lvs_method", own)
		}
		if d.Upper != 0 {
			line(2, "uthreshold", fmt.Sprint(d.Upper))
		}
		if d.Lower != 0 {
			line(2, "lthreshold", fmt.Sprint(d.Lower))
		}
		line(1, "}")
	}
	line(0, "}")
}

// methodWords is the forwarding method as lb_kind has it.
func methodWords(d Server) string {
	switch d.Forward {
	case table.Masquerade:
		return conf.NAT.String()
	case table.Tunnel:
		text := conf.TUN.String()
		if t := d.Tunnel; t.Type != conf.IPIP {
			text += " type " + t.Type.String()
			if t.Port != 0 {
				text += fmt.Sprintf(" port %d", t.Port)
			}
			if word := checksum(t.Flags); word != "" {
				text += " " + word
			}
		}
		return text
	}
	return conf.DR.String()
}
