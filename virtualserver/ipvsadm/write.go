package ipvsadm

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

// List writes the table as "ipvsadm -Ln" does; behind each service stands whose it
// is, after a "#". The heading is the first line of /proc/net/ip_vs, which tells the version
// of IPVS and the size of its table of connections.
func List(w io.Writer, heading string, list []Service) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, heading+"\nProt LocalAddress:Port Scheduler Flags\n"+
		"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n")
	for _, s := range list {
		fmt.Fprintln(b, listed(s)+s.whose())
		for _, d := range s.Servers {
			fmt.Fprintf(b, "  -> %-28s %-7s %-6d %-10d %-10d\n", at(d.Key.Address, d.Key.Port), forwardName(d.Forward),
				d.Weight, d.Counts.Active, d.Counts.Inactive)
		}
	}
	return b.Flush()
}

// listed is the line of a service.
func listed(s Service) string {
	line := named(s) + " " + s.Scheduler
	if flags := s.schedulerFlags(); len(flags) > 0 {
		line += " (" + strings.Join(flags, ",") + ")"
	}
	if s.Flags&table.FlagPersistent != 0 {
		line += fmt.Sprintf(" persistent %d", s.Timeout)
		if s.masked() {
			line += " mask " + s.maskText()
		}
		if s.Engine != "" {
			line += " pe " + s.Engine
		}
	}
	if s.Flags&table.FlagOnePacket != 0 {
		line += " ops"
	}
	return line
}

// named is a service as a listing names it.
func named(s Service) string {
	switch {
	case s.Key.FWMark == 0:
		return fmt.Sprintf("%-4s %s", strings.ToUpper(s.Key.Protocol.String()), at(s.Key.Address, s.Key.Port))
	case s.Key.IPv6:
		return fmt.Sprintf("FWM  %d IPv6", s.Key.FWMark)
	}
	return fmt.Sprintf("FWM  %d", s.Key.FWMark)
}

// whose is the comment behind the line of a service.
func (s Service) whose() string {
	if s.Whose == "" {
		return ""
	}
	return "  # " + s.Whose
}

// maskText is the persistence mask as ipvsadm has it: dotted, or a prefix length.
func (s Service) maskText() string {
	if s.width() == 128 {
		return strconv.Itoa(s.MaskBits)
	}
	return mask(s.MaskBits)
}

func forwardName(f table.Forward) string {
	switch f {
	case table.Masquerade:
		return "Masq"
	case table.LocalNode:
		return "Local"
	case table.Tunnel:
		return "Tunnel"
	}
	return "Route"
}

// Save writes the table as "ipvsadm -Sn" does: what ipvsadm-restore reads.
func Save(w io.Writer, list []Service) error {
	b := bufio.NewWriter(w)
	for _, s := range list {
		key := savedKey(s.Key)
		line := "-A " + key + " -s " + s.Scheduler
		if flags := s.schedulerFlags(); len(flags) > 0 {
			line += " -b " + strings.Join(flags, ",")
		}
		if s.Flags&table.FlagPersistent != 0 {
			line += fmt.Sprintf(" -p %d", s.Timeout)
			if s.masked() {
				line += " -M " + s.maskText()
			}
			if s.Engine != "" {
				line += " --pe " + s.Engine
			}
		}
		if s.Flags&table.FlagOnePacket != 0 {
			line += " -o"
		}
		fmt.Fprintln(b, line)
		for _, d := range s.Servers {
			fmt.Fprintf(b, "-a %s -r %s %s -w %d%s%s\n", key, at(d.Key.Address, d.Key.Port), savedForward(d), d.Weight,
				savedTunnel(d), thresholds(d))
		}
	}
	return b.Flush()
}

func savedKey(k conf.ServiceKey) string {
	switch {
	case k.FWMark != 0 && k.IPv6:
		return fmt.Sprintf("-f %d -6", k.FWMark)
	case k.FWMark != 0:
		return fmt.Sprintf("-f %d", k.FWMark)
	case k.Protocol == conf.UDP:
		return "-u " + at(k.Address, k.Port)
	case k.Protocol == conf.SCTP:
		return "--sctp-service " + at(k.Address, k.Port)
	}
	return "-t " + at(k.Address, k.Port)
}

func savedForward(d Server) string {
	switch d.Forward {
	case table.Masquerade:
		return "-m"
	case table.Tunnel:
		return "-i"
	}
	return "-g" // the kernel makes a local one of any method by itself
}

func savedTunnel(d Server) string {
	if d.Forward != table.Tunnel {
		return ""
	}
	text := " --tun-type " + d.Tunnel.Type.String()
	if d.Tunnel.Port != 0 {
		text += fmt.Sprintf(" --tun-port %d", d.Tunnel.Port)
	}
	if d.Tunnel.Type != conf.IPIP {
		text += " --tun-" + cmp.Or(checksum(d.Tunnel.Flags), "nocsum")
	}
	return text
}

func thresholds(d Server) (text string) {
	if d.Upper != 0 {
		text += fmt.Sprintf(" -x %d", d.Upper)
	}
	if d.Lower != 0 {
		text += fmt.Sprintf(" -y %d", d.Lower)
	}
	return text
}
