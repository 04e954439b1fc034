package checkers

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// Names returns the names of a real server's checkers for events and people, in
// their order: "HTTP_GET 10.0.0.2:80/", "PING_CHECK 10.0.0.2". Each is unique
// within the real server. The query of a URL is not in it.
func Names(rs *conf.RealServer) []string {
	names := make([]string, len(rs.Checkers))
	seen := make(map[string]int)
	for i := range rs.Checkers {
		name := nameOf(&rs.Checkers[i])
		seen[name]++
		if n := seen[name]; n > 1 {
			name += " #" + strconv.Itoa(n)
		}
		names[i] = name
	}
	return names
}

// supported returns the checkers of a real server that can be run, with their
// names. The others have no influence on the real server.
func supported(rs *conf.RealServer) (list []*conf.Checker, names []string) {
	for i, name := range Names(rs) {
		c := &rs.Checkers[i]
		if probe.Supports(c.Kind) && (c.Kind != conf.BFDCheck || c.BFD != "") {
			list, names = append(list, c), append(names, name)
		}
	}
	return list, names
}

// warnOfUnsupported logs once for each configuration what is not checked.
func (s *Schedule) warnOfUnsupported(cfg *conf.Config) {
	count := make(map[conf.CheckKind]int)
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			for i := range rs.Checkers {
				c := &rs.Checkers[i]
				if !probe.Supports(c.Kind) {
					count[c.Kind]++
				}
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		s.opts.Log.Warn("checks of this kind are not supported: real servers are up or down without them",
			"kind", kind, "count", count[kind])
	}
}

func nameOf(c *conf.Checker) string {
	switch {
	case c.Kind == conf.PingCheck:
		return string(c.Kind) + " " + c.ConnectIP.String()
	case c.Misc != nil && !c.Misc.Script.IsZero():
		return string(c.Kind) + " " + c.Misc.Script.Argv[0] // its arguments may be secrets
	case c.File != nil:
		return string(c.Kind) + " " + c.File.Name
	case c.Kind == conf.BFDCheck && c.BFD != "":
		return string(c.Kind) + " " + c.BFD
	}
	name := string(c.Kind) + " " + netip.AddrPortFrom(c.ConnectIP, c.ConnectPort).String()
	if c.HTTP == nil || len(c.HTTP.URLs) == 0 {
		return name
	}
	name += conf.MaskURL(c.HTTP.URLs[0].Path)
	if more := len(c.HTTP.URLs) - 1; more > 0 {
		name += fmt.Sprintf(" +%d", more)
	}
	return name
}
