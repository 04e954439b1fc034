package checkers

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/lvs-director/director/conf"
)

// Names are the checkers of a real server as events and people call them, in
// their order: "HTTP_GET 10.0.0.2:80/", "PING_CHECK 10.0.0.2". Each is unique
// in its real server.
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

func nameOf(c *conf.Checker) string {
	if c.Kind == conf.PingCheck {
		return string(c.Kind) + " " + c.ConnectIP.String()
	}
	name := string(c.Kind) + " " + netip.AddrPortFrom(c.ConnectIP, c.ConnectPort).String()
	if c.HTTP == nil || len(c.HTTP.URLs) == 0 {
		return name
	}
	name += c.HTTP.URLs[0].Path
	if more := len(c.HTTP.URLs) - 1; more > 0 {
		name += fmt.Sprintf(" +%d", more)
	}
	return name
}
