package keyword

import (
	"net"
	"strconv"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// setVMAC reads use_vmac [[name] IF] [MAC] [netlink_notify_msg] [group G].
func setVMAC(l *Loader, n *syntax.Node, in *conf.Instance) {
	v := &conf.VMAC{}
	for i := 0; i < len(n.Args); i++ {
		s := n.Arg(i)
		switch {
		case s == "netlink_notify_msg":
			v.NetlinkNotify = true
		case s == "group" && i+1 < len(n.Args):
			i++
			if g, ok := l.Integer(n, i, 0, 1<<31-1); ok {
				v.Group = int(g)
			}
		case s == "name" && i+1 < len(n.Args):
			i++
			if name, ok := l.InterfaceName(n, i); ok {
				v.Name = name
			}
		case isMAC(s):
			v.MAC = s
		case v.Name == "":
			if name, ok := l.InterfaceName(n, i); ok {
				v.Name = name
			}
		default:
			l.WarnArg(n, i, "unknown-option", "unknown option %q of use_vmac: it is ignored", value.Clip(s))
		}
	}
	in.VMAC = v
}

func isMAC(s string) bool {
	m, err := net.ParseMAC(s)
	return err == nil && len(m) == 6
}

func getVMAC(in *conf.Instance) []string {
	v := in.VMAC
	if v == nil {
		return nil
	}
	words := []string{}
	if v.Name != "" {
		words = append(words, v.Name)
	}
	if v.MAC != "" {
		words = append(words, v.MAC)
	}
	if v.NetlinkNotify {
		words = append(words, "netlink_notify_msg")
	}
	if v.Group != 0 {
		words = append(words, "group", strconv.Itoa(v.Group))
	}
	return words
}

// setIPVLAN reads use_ipvlan [[name] IF] [IP] [bridge|private|vepa] [group G].
func setIPVLAN(l *Loader, n *syntax.Node, in *conf.Instance) {
	v := &conf.IPVLAN{}
	for i := 0; i < len(n.Args); i++ {
		s := n.Arg(i)
		_, addressed := value.ParseAddr(cutMask(s))
		switch {
		case s == "bridge" || s == "private" || s == "vepa":
			v.Mode = s
		case s == "group" && i+1 < len(n.Args):
			i++
			if g, ok := l.Integer(n, i, 0, 1<<31-1); ok {
				v.Group = int(g)
			}
		case s == "name" && i+1 < len(n.Args):
			i++
			if name, ok := l.InterfaceName(n, i); ok {
				v.Name = name
			}
		case addressed == nil:
			if p, _, ok := l.Prefix(n, s, value.ArgPos(n, i)); ok {
				v.Address = p
			}
		case v.Name == "":
			if name, ok := l.InterfaceName(n, i); ok {
				v.Name = name
			}
		default:
			l.WarnArg(n, i, "unknown-option", "unknown option %q of use_ipvlan: it is ignored", value.Clip(s))
		}
	}
	in.IPVLAN = v
}

func cutMask(s string) string {
	for i := range len(s) {
		if s[i] == '/' {
			return s[:i]
		}
	}
	return s
}

func getIPVLAN(in *conf.Instance) []string {
	v := in.IPVLAN
	if v == nil {
		return nil
	}
	words := []string{}
	if v.Name != "" {
		words = append(words, v.Name)
	}
	if v.Address.IsValid() {
		words = append(words, v.Address.String())
	}
	if v.Mode != "" {
		words = append(words, v.Mode)
	}
	if v.Group != 0 {
		words = append(words, "group", strconv.Itoa(v.Group))
	}
	return words
}
