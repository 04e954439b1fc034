package status

import (
	"fmt"
	"strings"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/words"
)

// checks has what checks say of a whole virtual server: those that this host fails to make,
// what the real servers have in common that failed together, and what checks that pass warn of.
func (m *maker) checks(vs *control.VirtualServer, states []event.RealServerState) {
	if vs.Unknown > 0 {
		m.problem(vs.Name, unknownText(vs, m))
	}
	if text := event.FailedTogether(states); text != "" {
		m.problem(vs.Name, vs.Name+": "+text)
	}
	m.warnings(vs.Name, states)
}

// maxNamed is how many real servers one line names.
const maxNamed = 3

// warnings has one line for each text: the real servers of a virtual server often have one
// certificate.
func (m *maker) warnings(name string, states []event.RealServerState) {
	var list []string
	servers := make(map[string][]string)
	for _, s := range states {
		for _, w := range s.Warnings {
			of := servers[w.Text]
			if len(of) == 0 {
				list = append(list, w.Text)
			} else if of[len(of)-1] == s.RealServer {
				continue // another check of it
			}
			servers[w.Text] = append(of, s.RealServer)
		}
	}
	for _, text := range list {
		of := servers[text]
		line := name + ": " + text + ": real server"
		if len(of) > 1 {
			line += "s"
		}
		line += " " + strings.Join(of[:min(len(of), maxNamed)], ", ")
		if more := len(of) - maxNamed; more == 1 {
			line += " and another one"
		} else if more > 1 {
			line += fmt.Sprintf(" and %d others", more)
		}
		m.problem(name, line)
	}
}

// unknownText is one line about all real servers of a virtual server that cannot be judged.
func unknownText(vs *control.VirtualServer, m *maker) string {
	var one *control.RealServer
	for n := range vs.RealServers {
		rs := &vs.RealServers[n]
		if !rs.UnknownSince.IsZero() && (one == nil || rs.UnknownSince.Before(one.UnknownSince)) {
			one = rs
		}
	}
	text := fmt.Sprintf("%s: whether real server %s is alive is unknown since %s ago: %s", vs.Name, one.Name,
		words.Age(m.Now, one.UnknownSince), one.Unknown)
	if vs.Unknown > 1 {
		text += fmt.Sprintf(" (and %d others)", vs.Unknown-1)
	}
	if one.Up {
		return text + "; it counts as up"
	}
	return text + "; it counts as down"
}

// CountChecks puts what checks have counted into the reports of their real servers.
func CountChecks(counts []event.CheckCounts, list []control.VirtualServer) {
	services := make(map[string]*event.CheckCounts, len(counts))
	for n := range counts {
		services[counts[n].VirtualServer] = &counts[n]
	}
	for n := range list {
		c := services[list[n].Name]
		if c == nil {
			continue
		}
		of := make(map[string]int, len(c.RealServers)) // the first check of each, which follow each other
		for k := len(c.RealServers) - 1; k >= 0; k-- {
			of[c.RealServers[k]] = k
		}
		for m := range list[n].RealServers {
			rs := &list[n].RealServers[m]
			first, known := of[rs.Name]
			for k := first; known && k < len(c.RealServers) && c.RealServers[k] == rs.Name; k++ {
				rs.Counted = append(rs.Counted, control.CheckCount{
					Checker: c.Checkers[k], OK: c.OK[k], Failed: c.Failed[k], Unknown: c.Unknown[k],
				})
			}
		}
	}
}
