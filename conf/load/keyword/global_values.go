package keyword

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// repeats is a number of packets, of which there is at least one.
func repeats[T any](name, deflt string, field func(*T) *int) keyword[T] {
	k := number(name, 1, math.MaxUint32, deflt, field)
	k.set = func(l *Loader, n *syntax.Node, t *T) {
		v, ok := l.Integer(n, 0, 0, math.MaxUint32)
		if !ok {
			return
		}
		if v == 0 {
			l.WarnArg(n, 0, "out-of-range", "%s must be at least 1: 1 is used", name)
			v, l.Taken = 1, true
		}
		*field(t) = int(v)
	}
	return k
}

func isIPv6(a netip.Addr) bool { return a.Is6() && !a.Is4In6() }

// multicast is a group address of one family.
func multicast[T any](name, deflt string, family func(netip.Addr) bool, field func(*T) *netip.Addr) keyword[T] {
	k := ip(name, deflt, field)
	k.set = func(l *Loader, n *syntax.Node, t *T) {
		a, ok := l.Address(n, 0)
		if !ok {
			return
		}
		if !family(a) || !a.IsMulticast() {
			l.WarnArg(n, 0, "not-multicast", "%s is not a group address for %s: %s", a, name, l.Instead())
			return
		}
		*field(t) = a
	}
	return k
}

// microseconds is a whole number of microseconds.
func microseconds[T any](name, deflt string, field func(*T) *time.Duration) keyword[T] {
	return keyword[T]{
		name: name, value: "1..4294967295", deflt: deflt, unit: "µs", need: 1,
		set: func(l *Loader, n *syntax.Node, t *T) {
			if v, ok := l.Integer(n, 0, 1, math.MaxUint32); ok {
				*field(t) = time.Duration(v) * time.Microsecond
			}
		},
		get: func(t *T) []string {
			if *field(t) == 0 {
				return nil
			}
			return one(strconv.FormatInt(field(t).Microseconds(), 10))
		},
	}
}

// cpus is a list of CPU numbers.
func cpus[T any](name string, field func(*T) *[]int) keyword[T] {
	return custom(name, "CPU ...", "all", 1, func(l *Loader, n *syntax.Node, t *T) {
		var list []int
		for i := range n.Args {
			v, ok := l.Integer(n, i, 0, 4095)
			if !ok {
				return
			}
			list = append(list, int(v))
		}
		*field(t) = list
	}, func(t *T) []string {
		var words []string
		for _, c := range *field(t) {
			words = append(words, strconv.Itoa(c))
		}
		return words
	})
}

// hostName tells whether s can be the name of a host.
func hostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for _, label := range strings.Split(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			c := label[i]
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}

func setLVSTimeouts(l *Loader, n *syntax.Node, g *conf.Global) {
	for i := 0; i < len(n.Args); i += 2 {
		var to *time.Duration
		switch n.Arg(i) {
		case "tcp":
			to = &g.LVSTimeouts.TCP
		case "tcpfin":
			to = &g.LVSTimeouts.TCPFin
		case "udp":
			to = &g.LVSTimeouts.UDP
		default:
			l.WarnArg(n, i, "unknown-value", "lvs_timeouts does not know %q: it is ignored", value.Clip(n.Arg(i)))
			i--
			continue
		}
		if i+1 >= len(n.Args) {
			l.WarnArg(n, i, "missing-value", "lvs_timeouts %s has no value: it is ignored", n.Arg(i))
			return
		}
		if v, ok := l.Integer(n, i+1, 0, 86400*31); ok {
			*to = time.Duration(v) * time.Second
		}
	}
}

func setLVSSync(l *Loader, n *syntax.Node, g *conf.Global) {
	name, ok := l.InterfaceName(n, 0)
	if !ok {
		return
	}
	s := conf.LVSSync{Interface: name}
	for i := 1; i < len(n.Args); {
		opt := n.Arg(i)
		if (opt != "inst" && opt != "id" && opt != "maxlen" && opt != "port" && opt != "ttl" && opt != "group") ||
			i+1 >= len(n.Args) {
			if i == 1 { // the old form: IF VI
				s.Instance = opt
				l.NoteArg(n, i, "deprecated", "lvs_sync_daemon %s %s is the old form: write inst %s", value.Clip(name),
					value.Clip(opt), value.Clip(opt))
			} else {
				l.WarnArg(n, i, "unknown-value", "lvs_sync_daemon does not know %q, or its value is missing: it is ignored",
					value.Clip(opt))
			}
			i++
			continue
		}
		switch opt {
		case "inst":
			s.Instance = n.Arg(i + 1)
		case "id":
			if v, ok := l.Integer(n, i+1, 0, 255); ok {
				s.ID = int(v)
			}
		case "maxlen":
			if v, ok := l.Integer(n, i+1, 1, 65535); ok {
				s.MaxLen = int(v)
			}
		case "port":
			if v, ok := l.Port(n, i+1); ok {
				s.Port = v
			}
		case "ttl":
			if v, ok := l.Integer(n, i+1, 1, 255); ok {
				s.TTL = uint8(v)
			}
		case "group":
			if a, ok := l.Address(n, i+1); ok {
				if a.IsMulticast() {
					s.Group = a
				} else {
					l.WarnArg(n, i+1, "not-multicast", "%s is not a group address for lvs_sync_daemon: it is ignored", a)
				}
			}
		}
		i += 2
	}
	g.LVSSync, l.SyncNode = s, n
}

func getLVSSync(g *conf.Global) []string {
	s := g.LVSSync
	if s.Interface == "" {
		return nil
	}
	words := one(s.Interface)
	if s.Instance != "" {
		words = append(words, "inst", s.Instance)
	}
	words = append(words, "id", strconv.Itoa(s.ID))
	if s.MaxLen != 0 {
		words = append(words, "maxlen", strconv.Itoa(s.MaxLen))
	}
	if s.Port != 0 {
		words = append(words, "port", strconv.Itoa(int(s.Port)))
	}
	if s.TTL != 0 {
		words = append(words, "ttl", strconv.Itoa(int(s.TTL)))
	}
	if s.Group.IsValid() {
		words = append(words, "group", s.Group.String())
	}
	return words
}

// Metrics is the metrics block.
var Metrics = newTable("metrics", []keyword[conf.Metrics]{
	{name: "listen", value: "IP PORT", deflt: "nowhere", need: 1, max: 2, own: true,
		set: func(l *Loader, n *syntax.Node, m *conf.Metrics) {
			if at, ok := endpoint(l, n, "metrics are not served", 9650, false); ok {
				m.Listen = at
			}
		},
		get: func(m *conf.Metrics) []string {
			if !m.Listen.IsValid() {
				return nil
			}
			return []string{m.Listen.Addr().String(), strconv.Itoa(int(m.Listen.Port()))}
		}},
	flag("allow_wildcard", func(m *conf.Metrics) *bool { return &m.AllowWildcard }).ours().
		remark("listen may be 0.0.0.0 or ::, which is every network of the host"),
	choice("real_servers", "true", func(m *conf.Metrics) *conf.Choice { return &m.RealServers }).ours().
		remark("single real servers have series of their own"),
	word("network", "NAME", "the network of the lowest virtual address",
		func(m *conf.Metrics) *string { return &m.Network }).ours().
		remark("the label network of all instances, the same on both halves"),
	oneOf("compat", []string{"keepalived"}, "none", func(m *conf.Metrics) *string { return &m.Compat }).ours().
		remark("also the series of the exporters for keepalived"),
})

func readMetrics(l *Loader, n *syntax.Node, c *conf.Config) {
	if l.Node(&c.Metrics) == nil { // of several blocks the first one is where it stands
		l.Begin(&c.Metrics, n)
	}
	m := &c.Metrics
	complaints := l.Complaints
	Metrics.Read(l, n.Children(), m)
	switch {
	case !m.Listen.IsValid() && l.Complaints == complaints:
		l.Warn(n, "no-effect", "metrics has no listen: they are served only with director run --metrics").Hint = "write: " +
			"listen 127.0.0.1 9650"
	case !m.Listen.IsValid():
	case m.Listen.Addr().Unmap().IsUnspecified() && !m.AllowWildcard:
		l.Err(n, "wildcard", "metrics would listen on %s, which is every network of the host",
			m.Listen.Addr()).Hint = "give an address, or write allow_wildcard if that is meant"
	case m.Listen.Addr().IsMulticast():
		l.Err(n, "unusable-address", "metrics cannot listen on %s, which is a group", m.Listen.Addr())
	}
}

// Web is the web block.
var Web = newTable("web", []keyword[conf.Web]{
	{name: "listen", value: "IP PORT|unix:PATH", deflt: "nowhere", need: 1, max: 2, own: true, set: setWebListen,
		get: func(w *conf.Web) []string {
			if w.Socket != "" {
				return one("unix:" + w.Socket)
			} else if !w.Listen.IsValid() {
				return nil
			}
			return []string{w.Listen.Addr().String(), strconv.Itoa(int(w.Listen.Port()))}
		}},
	word("group", "GROUP", "root", func(w *conf.Web) *string { return &w.Group }).ours().
		remark("who may open the Unix socket, beside root"),
	flag("allow_wildcard", func(w *conf.Web) *bool { return &w.AllowWildcard }).ours().
		remark("listen may be 0.0.0.0 or ::, which is every network of the host"),
	{name: "host", value: "NAME", need: 1, repeat: true, own: true,
		why: "a name that browsers may call the page by, beside the address",
		set: func(l *Loader, n *syntax.Node, w *conf.Web) {
			name := n.Arg(0)
			if _, err := netip.ParseAddr(name); err == nil || hostName(name) {
				w.Hosts = append(w.Hosts, name)
			} else {
				l.Err(n, "unusable-name", "no browser calls the page by the host %q", value.Clip(name)).Hint = "a host is a " +
					"name such as lb1.example.org, or an IP address, without http://, brackets, a port or a path"
			}
		},
		get: func(w *conf.Web) []string { return w.Hosts }},
	word("certificate", "PATH", "no encryption", func(w *conf.Web) *string { return &w.Certificate }).ours(),
	word("key", "PATH", "", func(w *conf.Web) *string { return &w.Key }).ours().remark("that of the certificate"),
	group("actions", "{ token file:PATH [NAME] }", 0, func(l *Loader, n *syntax.Node, w *conf.Web) {
		l.Begin(&w.Actions, n)
		WebActions.Read(l, n.Children(), &w.Actions)
		if len(w.Actions.Tokens) == 0 {
			l.Err(n, "missing-parameter", "actions has no token: nobody could use them").Hint = "write: token " +
				"file:/PATH NAME, or leave actions out"
		}
	}).ours().remark("what the page may do; needs a loopback address, a Unix socket or a certificate"),
})

// WebActions is the block actions of web. Who writes the token itself has it shown nowhere.
var WebActions = newTable("actions", []keyword[conf.WebActions]{
	{name: "token", value: "file:PATH [NAME]", need: 1, max: 2, repeat: true, own: true, hush: true, secret: allSecret,
		why: "the file has 32 to 128 characters; NAME is who has it, for events", set: setWebToken},
})

func setWebListen(l *Loader, n *syntax.Node, w *conf.Web) {
	if path, ok := strings.CutPrefix(n.Arg(0), "unix:"); ok {
		if !strings.HasPrefix(path, "/") || len(path) > maxSocket {
			l.Err(n, "unusable-path", "the page cannot be at the Unix socket %s", value.Clip(path)).
				Hint = fmt.Sprintf("its path begins with / and has at most %d bytes", maxSocket)
			return
		}
		w.Socket, w.Listen = path, netip.AddrPort{}
		return
	}
	if at, ok := endpoint(l, n, "the page is not served", 3780, false); ok {
		w.Listen, w.Socket = at, ""
	}
}

// maxSocket is how long the kernel lets the path of a Unix socket be, in bytes.
const maxSocket = 107

// maxTokens bounds the tokens of the page.
const maxTokens = 32

func setWebToken(l *Loader, n *syntax.Node, a *conf.WebActions) {
	file, ok := strings.CutPrefix(n.Arg(0), "file:")
	switch {
	case !ok || !strings.HasPrefix(file, "/"):
		l.Err(n, "invalid-token", "a token stands in a file of its own: write token file:/PATH").Hint = "openssl rand " +
			"-hex 32 makes one"
	case len(a.Tokens) == maxTokens:
		l.Err(n, "too-many", "actions has more than %d tokens", maxTokens)
	default:
		a.Tokens = append(a.Tokens, conf.WebToken{File: file, Name: n.Arg(1)})
	}
}

func readWeb(l *Loader, n *syntax.Node, c *conf.Config) {
	if l.Node(&c.Web) == nil { // of several blocks the first one is where it stands
		l.Begin(&c.Web, n)
	}
	w := &c.Web
	Web.Read(l, n.Children(), w)
	at := w.Listen.Addr()
	switch {
	case w.Listen.IsValid() && at.Unmap().IsUnspecified() && !w.AllowWildcard:
		l.Err(n, "wildcard", "the page would listen on %s, which is every network of the host",
			at).Hint = "give an address, or write allow_wildcard if that is meant"
	case at.IsMulticast():
		l.Err(n, "unusable-address", "the page cannot listen on %s, which is a group", at)
	case (w.Certificate == "") != (w.Key == ""):
		l.Err(n, "missing-parameter", "web has a certificate without its key, or a key without its certificate")
	case len(w.Actions.Tokens) > 0 && w.Listen.IsValid() && !at.Unmap().IsLoopback() && w.Certificate == "":
		l.Err(n, "open-token", "the token of actions would travel to %s for all on the way to read", at).
			Hint = "listen on a loopback address or a Unix socket, or give certificate and key"
	case !w.Wanted():
		l.Warn(n, "no-effect", "web has no listen that can be used: there is no page").Hint = "write: listen 127.0.0.1 3780"
	case w.Group != "" && w.Socket == "":
		l.Note(n, "no-effect", "group has no effect: it is about a Unix socket, and listen is an address")
	}
}

// StatusSocket is the status_socket block.
var StatusSocket = newTable("status_socket", []keyword[conf.StatusSocket]{
	word("group", "GROUP", "nobody", func(s *conf.StatusSocket) *string { return &s.Group }).ours().
		remark("its members may read status and events, and change nothing"),
})

func readStatusSocket(l *Loader, n *syntax.Node, c *conf.Config) {
	if l.Node(&c.StatusSocket) == nil { // of several blocks the first one is where it stands
		l.Begin(&c.StatusSocket, n)
	}
	StatusSocket.Read(l, n.Children(), &c.StatusSocket)
	if c.StatusSocket.Group == "" {
		l.Warn(n, "no-effect", "status_socket has no group: there is no such socket").Hint = "write: group adm"
	}
}
