package overrides

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/words"
)

// Target is what an override is of: a real server, or a host with all its real
// servers, in one virtual server, or in all when that is empty.
type Target struct{ VirtualServer, RealServer string }

// Of says whether the override is of the target.
func (t Target) Of(o event.Override) bool {
	return t.VirtualServer == o.VirtualServer && t.RealServer == o.RealServer
}

// Covers says whether an override of the target is for a real server of a virtual
// server, both as events name them.
func (t Target) Covers(virtualServer, realServer string) bool {
	if t.VirtualServer != "" && t.VirtualServer != virtualServer {
		return false
	}
	return t.RealServer == realServer || t.RealServer == addressOf(realServer)
}

// String is the target for people: "10.0.0.2 in [192.0.2.10]:tcp:80".
func (t Target) String() string {
	if t.VirtualServer == "" {
		return t.RealServer
	}
	return t.RealServer + " in " + t.VirtualServer
}

// TargetOf is the target of an override.
func TargetOf(o event.Override) Target { return Target{o.VirtualServer, o.RealServer} }

// Select finds what people mean by the name of a host or a real server
// ("10.0.0.2", "10.0.0.2:80", "[10.0.0.2]:tcp:80") and of a virtual server
// ("192.0.2.10:80", "[192.0.2.10]:tcp:80", "192.0.2.10", "fwmark 5", the name of a
// group or of a match list, "match NAME"; empty is all). The error says what is unknown, and suggests what is near.
func Select(cfg *conf.Config, server, virtualServer string) ([]Target, error) {
	if len(cfg.VirtualServers) == 0 {
		return nil, errors.New("this director has no virtual server")
	}
	services, err := selectServices(cfg, virtualServer)
	if err != nil {
		return nil, err
	}
	var found []Target
	for _, vs := range services {
		in := vs.String()
		if virtualServer == "" {
			in = ""
		}
		for _, rs := range vs.RealServers {
			switch name := rs.String(); {
			case isHost(server, rs.Key.Address):
				found = append(found, Target{in, rs.Key.Address.String()})
			case called(name, server):
				found = append(found, Target{in, name})
			}
		}
	}
	if len(found) == 0 {
		return nil, unknownServer(cfg, services, server, virtualServer)
	}
	slices.SortFunc(found, func(a, b Target) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(found), nil
}

// selectServices are the virtual servers that a name stands for.
func selectServices(cfg *conf.Config, name string) (list []*conf.VirtualServer, err error) {
	if name == "" {
		return cfg.VirtualServers, nil
	}
	var names []string
	for _, vs := range cfg.VirtualServers {
		text := vs.String()
		names = append(names, text)
		if a := vs.Key.Address; a.IsValid() {
			names = append(names, netip.AddrPortFrom(a, vs.Key.Port).String(), a.String())
		}
		match := ""
		if vs.Match != nil {
			match = vs.Match.Name
			names = append(names, "match "+match)
		}
		if called(text, name) || vs.Group != "" && vs.Group == name || text == markName(name) ||
			match != "" && (match == name || "match "+match == name) {
			list = append(list, vs)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no virtual server %s%s", name, suggest(name, names))
	}
	return list, nil
}

// markName makes "FWM 5" of "fwmark 5" and "fwm 5 inet6".
func markName(name string) string {
	fields := strings.Fields(strings.ToLower(name))
	if len(fields) < 2 || fields[0] != "fwmark" && fields[0] != "fwm" {
		return ""
	}
	return strings.Join(append([]string{"FWM"}, fields[1:]...), " ")
}

// isHost says that the name is the address alone.
func isHost(name string, a netip.Addr) bool {
	named, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	return err == nil && named.Unmap() == a.Unmap()
}

// called says whether people may mean "[192.0.2.10]:tcp:80" by a name.
func called(full, name string) bool {
	if full == name {
		return true
	}
	address, rest, ok := strings.Cut(strings.TrimPrefix(full, "["), "]:")
	a, err := netip.ParseAddr(address)
	if !ok || err != nil {
		return false
	}
	if isHost(name, a) {
		return true
	}
	protocol, port, _ := strings.Cut(rest, ":")
	if cut, ok := strings.CutSuffix(name, "/"+protocol); ok {
		name = cut
	}
	if at, err := netip.ParseAddrPort(strings.Replace(name, " ", ":", 1)); err == nil {
		return at.Addr().Unmap() == a.Unmap() && strconv.Itoa(int(at.Port())) == port
	}
	return false
}

// addressOf is "10.0.0.2" of "[10.0.0.2]:tcp:80".
func addressOf(realServer string) string {
	address, _, _ := strings.Cut(strings.TrimPrefix(realServer, "["), "]")
	return address
}

// unknownServer says that nothing has the name, and where to look.
func unknownServer(cfg *conf.Config, services []*conf.VirtualServer, name, virtualServer string) error {
	if virtualServer != "" {
		if elsewhere, err := Select(cfg, name, ""); err == nil {
			return fmt.Errorf("%s is not a real server of %s, but of %s", name, virtualServer,
				strings.Join(servicesOf(cfg, elsewhere), ", "))
		}
	}
	if is, err := selectServices(cfg, name); err == nil && name != "" {
		return fmt.Errorf("%s is a virtual server, %s: name a real server, and this one with --vs", name, is[0])
	}
	var names []string
	for _, vs := range services {
		for _, rs := range vs.RealServers {
			names = append(names, rs.Key.Address.String(), rs.String(),
				netip.AddrPortFrom(rs.Key.Address, rs.Key.Port).String())
		}
	}
	return fmt.Errorf("there is no real server %s%s", name, suggest(name, names))
}

// maxSuggested bounds a list of names in a message.
const maxSuggested = 5

// servicesOf are the virtual servers that have one of the targets.
func servicesOf(cfg *conf.Config, targets []Target) (names []string) {
	for _, vs := range cfg.VirtualServers {
		if slices.ContainsFunc(vs.RealServers, func(rs *conf.RealServer) bool {
			return slices.ContainsFunc(targets, func(t Target) bool { return t.Covers(vs.String(), rs.String()) })
		}) {
			names = append(names, vs.String())
		}
	}
	if more := len(names) - maxSuggested; more > 0 {
		names = append(names[:maxSuggested], words.Count(more, "more virtual server"))
	}
	return names
}

// suggest is the end of a sentence that says that a name is unknown.
func suggest(name string, names []string) string {
	if near := value.Nearest(name, names); near != "" {
		return fmt.Sprintf(": did you mean %s?", near)
	}
	var same []string
	for _, n := range names { // the same network is what one looks for
		if cut := strings.LastIndexAny(strings.TrimPrefix(name, "["), ".:"); cut > 0 &&
			strings.HasPrefix(n, strings.TrimPrefix(name, "[")[:cut+1]) {
			same = append(same, n)
		}
	}
	slices.Sort(same)
	same = slices.Compact(same)
	if len(same) > 0 {
		return ": did you mean one of " + strings.Join(same[:min(len(same), maxSuggested)], ", ") + "?"
	}
	return ": director status lists them"
}

// Named finds the overrides of a kind that people mean by the names of a real server
// or host and of a virtual server (empty is any), to end them. There are none, without an error,
// when nothing of what is named has one. The error says that the name is unknown, or that the
// override is of more than is named.
func Named(cfg *conf.Config, list []event.Override, kind event.OverrideKind, server, virtualServer string) (
	found []event.Override, err error) {
	services := map[string]bool{}
	if virtualServer != "" {
		services[virtualServer] = true // one that the configuration lost
		if known, err := selectServices(cfg, virtualServer); err == nil {
			for _, vs := range known {
				services[vs.String()] = true
			}
		}
	}
	var wider []string
	for _, o := range list {
		if o.Kind != kind || o.Source == event.SourceReload {
			continue
		}
		host, err := netip.ParseAddr(o.RealServer)
		ofHost := err == nil
		named := ofHost && isHost(server, host) || !ofHost && called(o.RealServer, server)
		in := virtualServer == "" || services[o.VirtualServer]
		switch {
		case named && in:
			found = append(found, o)
		case named, ofHost && called("["+o.RealServer+"]:"+portOf(server), server) && in:
			wider = append(wider, TargetOf(o).String())
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	done := map[event.OverrideKind]string{event.Drain: "drained", event.SetWeight: "given a weight"}[kind]
	if len(wider) > 0 {
		return nil, fmt.Errorf("%s is %s only as a part of %s: name that instead", Target{virtualServer, server}, done,
			strings.Join(wider[:min(len(wider), maxSuggested)], ", "))
	}
	_, err = Select(cfg, server, virtualServer)
	return nil, err
}

// portOf is "tcp:80" of "10.0.0.2:80" and "[10.0.0.2]:tcp:80", for called.
func portOf(server string) string {
	if _, rest, ok := strings.Cut(server, "]:"); ok && strings.Contains(rest, ":") {
		return rest
	}
	return "tcp:" + server[strings.LastIndexAny(server, ": ")+1:]
}

// Superseded says that an override is a weight that was set by hand in the kernel's
// table, of a real server whose weight an operator sets now.
func Superseded(o event.Override, targets []Target) bool {
	return o.Kind == event.SetWeight && o.Source == event.SourceKernel &&
		covered(targets, o.VirtualServer, o.RealServer)
}

// ObjectOf names what an override is about, as events do.
func ObjectOf(o event.Override) string {
	text := "real server " + o.RealServer
	if o.VirtualServer != "" {
		text += " of virtual server " + o.VirtualServer
	}
	return text
}
