package web

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lvs-director/director/event"
)

// How much of a list a page has at once, and the longest text of a server or an event that is shown.
const (
	instancesOfPage = 50
	servicesOfPage  = 50
	serversOfPage   = 100
	problemsShown   = 30
	addressesShown  = 8
	eventsShown     = 200
	longestText     = 300
)

// Level is how well something is.
type Level string

// The levels, the worst first.
const (
	Down     Level = "down"     // it serves nobody
	Degraded Level = "degraded" // it serves, and is not as it should be
	Idle     Level = "idle"     // it rests, as it is to be
	OK       Level = "ok"
)

func (l Level) order() int {
	return slices.Index([]Level{Down, Degraded, OK, Idle}, l)
}

// Head is what stands above all.
type Head struct {
	Host          string         `json:"host"`
	Version       string         `json:"version"`
	Since         time.Time      `json:"since,omitzero"`
	Digest        string         `json:"digest"`
	AppliedAt     time.Time      `json:"applied_at,omitzero"`
	Fallback      bool           `json:"fallback"`
	ReloadRefused bool           `json:"reload_refused"`
	Level         Level          `json:"level"`
	Problems      []Problem      `json:"problems"`
	MoreProblems  int            `json:"more_problems"`
	Peers         []Peer         `json:"peers"`
	Workers       []Worker       `json:"workers"`
	Overrides     int            `json:"overrides"`
	Instances     map[string]int `json:"instances"` // by state
	Services      map[Level]int  `json:"services"`
	Servers       ServerCount    `json:"servers"`
	Actions       bool           `json:"actions"` // the page may ask for actions
}

// ServerCount counts real servers.
type ServerCount struct {
	All      int    `json:"all"`
	Up       int    `json:"up"`
	Drained  int    `json:"drained"`
	Active   uint64 `json:"active"`
	Inactive uint64 `json:"inactive"`
}

func (c *ServerCount) add(r *RealServer) {
	c.All++
	if r.Up {
		c.Up++
	}
	if k := r.Kernel; k != nil {
		if k.Draining {
			c.Drained++
		}
		c.Active += k.Active
		c.Inactive += k.Inactive
	}
}

// List is one page of a list.
type List[T any] struct {
	Of    string `json:"of,omitempty"` // the service, of servers
	Page  int    `json:"page"`         // from 0
	Pages int    `json:"pages"`
	All   int    `json:"all"`   // before the filter
	Found int    `json:"found"` // after it
	Rows  []T    `json:"rows"`
}

// InstanceRow is an instance.
type InstanceRow struct {
	Name      string    `json:"name"`
	State     string    `json:"state"`
	Level     Level     `json:"level"`
	Since     time.Time `json:"since,omitzero"`
	Priority  int       `json:"priority"`
	Base      int       `json:"base"`
	Reason    string    `json:"reason"`
	Master    string    `json:"master"`      // address of the router that is MASTER, when another is
	Host      string    `json:"master_host"` // its name, when a peer has told it
	Interface string    `json:"interface"`
	VRID      uint8     `json:"vrid"`
	Group     string    `json:"group"`
	Addresses []string  `json:"addresses"`
	More      int       `json:"more_addresses"`
	// HandedOver says that it was handed over, Until when.
	HandedOver bool      `json:"handed_over"`
	Until      time.Time `json:"until,omitzero"`
}

// ServiceRow is a virtual server.
type ServiceRow struct {
	Name      string      `json:"name"`
	Level     Level       `json:"level"`
	State     string      `json:"state"` // in words
	Scheduler string      `json:"scheduler"`
	Forward   string      `json:"forward"`
	Servers   ServerCount `json:"servers"`
	Traffic   Traffic     `json:"traffic"`
	Why       string      `json:"why"`
}

// ServerRow is a real server.
type ServerRow struct {
	Name     string    `json:"name"`
	State    string    `json:"state"` // up, down, unknown, drained, not checked yet
	Level    Level     `json:"level"`
	Weight   int       `json:"weight"` // the kernel's, if that is known
	Set      bool      `json:"set"`    // somebody has set it
	Since    time.Time `json:"since,omitzero"`
	Active   uint64    `json:"active"`
	Inactive uint64    `json:"inactive"`
	Counted  bool      `json:"counted"` // the kernel has it
	Traffic  Traffic   `json:"traffic"`
	Reason   string    `json:"reason"`
	Check    *CheckRow `json:"check,omitempty"`
}

// CheckRow is the last check of a server.
type CheckRow struct {
	Checker string        `json:"checker"`
	OK      bool          `json:"ok"`
	Reason  string        `json:"reason"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took_ns"`
}

// EventRow is an event.
type EventRow struct {
	Number string    `json:"number"`
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`
	Object string    `json:"object"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	Text   string    `json:"text"`
	By     string    `json:"by"`
}

// text is a text of others as a page may show it: short, and without what turns lines around.
func text(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	if len(s) > longestText {
		s = strings.ToValidUTF8(s[:longestText], "") + "…"
	}
	return s
}

// head makes the part above all.
func (s *Snapshot) head(host string, actions bool) Head {
	h := Head{
		Host: host, Version: s.Version, Since: s.Since, Digest: s.Digest[:min(len(s.Digest), 64)],
		AppliedAt: s.AppliedAt,
		Fallback:  s.Fallback != "", ReloadRefused: s.ReloadRefused != "", Level: OK, Problems: []Problem{},
		Peers: shownPeers(s.Peers), Workers: append([]Worker{}, s.Workers...),
		Overrides: len(s.Overrides), Actions: actions,
		Instances: make(map[string]int), Services: make(map[Level]int),
	}
	worse := func(l Level) {
		if l == Down || l == Degraded && h.Level != Down {
			h.Level = l
		}
	}
	for _, p := range s.Problems {
		p.Object, p.Text = text(p.Object), text(p.Text)
		if p.NoService {
			worse(Down)
		}
		worse(Degraded)
		if len(h.Problems) < problemsShown {
			h.Problems = append(h.Problems, p)
		} else {
			h.MoreProblems++
		}
	}
	for n := range s.Instances {
		i := &s.Instances[n]
		h.Instances[i.State.String()]++
		worse(i.level())
	}
	for n := range s.VirtualServers {
		v := &s.VirtualServers[n]
		row := v.row()
		h.Services[row.Level]++
		worse(row.Level)
		h.Servers.All += row.Servers.All
		h.Servers.Up += row.Servers.Up
		h.Servers.Drained += row.Servers.Drained
		h.Servers.Active += row.Servers.Active
		h.Servers.Inactive += row.Servers.Inactive
	}
	if h.Fallback || h.ReloadRefused {
		worse(Degraded)
	}
	for _, w := range s.Workers {
		if w.Pid == 0 || w.Silent != "" {
			worse(Degraded)
		}
	}
	return h
}

func (i *Instance) level() Level {
	switch {
	case i.State == event.Fault:
		return Down
	case i.Fault != "" || i.Priority < i.Base:
		return Degraded
	}
	return OK
}

// instances is a page of the instances that fit the filter, the worst first.
func (s *Snapshot) instances(v View) List[InstanceRow] {
	var found []*Instance
	for n := range s.Instances {
		i := &s.Instances[n]
		if v.fits(i.Name, i.Interface) && (!v.Bad || i.level() != OK) {
			found = append(found, i)
		}
	}
	slices.SortStableFunc(found, func(a, b *Instance) int {
		return cmp.Compare(a.level().order(),
			b.level().order())
	})
	list, rows := page[InstanceRow](found, v.Instances, instancesOfPage, len(s.Instances))
	for _, i := range rows {
		row := InstanceRow{
			Name: i.Name, State: i.State.String(), Level: i.level(), Since: i.Since, Priority: i.Priority,
			Base:   i.Base,
			Reason: text(i.Reason), Interface: i.Interface, VRID: i.VRID, Group: i.SyncGroup, Addresses: []string{},
		}
		if i.State != event.Master {
			row.Master = i.Master
			row.Host = masterOf(s.Peers, i)
		}
		if i.Fault != "" && row.Reason == "" {
			row.Reason = text(i.Fault)
		}
		if i.HandedOver != nil {
			row.HandedOver, row.Until = true, i.HandedOver.Until
		}
		for _, a := range i.Addresses {
			if len(row.Addresses) < addressesShown {
				row.Addresses = append(row.Addresses, a.Address)
			} else {
				row.More++
			}
		}
		list.Rows = append(list.Rows, row)
	}
	return list
}

// row is a service as a page shows it.
func (v *VirtualServer) row() ServiceRow {
	row := ServiceRow{Name: v.Name, Level: OK, State: "serves", Scheduler: v.Scheduler, Forward: v.Forward,
		Traffic: v.Traffic}
	known := true
	for n := range v.RealServers {
		r := &v.RealServers[n]
		row.Servers.add(r)
		known = known && r.Verdict != "unknown"
	}
	switch {
	case v.Elsewhere != "":
		row.Level, row.State, row.Why = Idle, "on the MASTER", v.Elsewhere
	case v.SorryInUse:
		row.Level, row.State, row.Why = Degraded, "sorry server", "all go to "+v.SorryServer
	case !v.Quorum:
		row.Level, row.State = Down, "no quorum"
	case v.Error != "":
		row.Level, row.State, row.Why = Degraded, "not as it should be", v.Error
	case row.Servers.Up < row.Servers.All:
		row.Level, row.State = Degraded, "degraded"
	case !known:
		row.Level, row.State, row.Why = Degraded, "degraded", "of some servers the checks cannot tell how they are"
	case v.ChecksSuspended:
		row.Level, row.State = Idle, "checks rest"
	}
	row.Why = text(row.Why)
	return row
}

// services is a page of the services that fit the filter, the worst first.
func (s *Snapshot) services(v View) List[ServiceRow] {
	var found []ServiceRow
	for n := range s.VirtualServers {
		vs := &s.VirtualServers[n]
		row := vs.row()
		fits := v.fits(vs.Name) || slices.ContainsFunc(vs.RealServers,
			func(r RealServer) bool { return v.fits(r.Name) })
		if fits && (!v.Bad || row.Level != OK && row.Level != Idle) {
			found = append(found, row)
		}
	}
	slices.SortStableFunc(found, func(a, b ServiceRow) int { return cmp.Compare(a.Level.order(), b.Level.order()) })
	list, rows := page[ServiceRow](found, v.Services, servicesOfPage, len(s.VirtualServers))
	list.Rows = append(list.Rows, rows...)
	return list
}

// servers is a page of the real servers of a service; false is that there is no such service.
func (s *Snapshot) servers(o Open, v View) (List[ServerRow], bool) {
	at := slices.IndexFunc(s.VirtualServers, func(vs VirtualServer) bool { return vs.Name == o.Service })
	if at < 0 {
		return List[ServerRow]{}, false
	}
	vs := &s.VirtualServers[at]
	set := make(map[string]bool)
	for _, w := range s.Overrides {
		if w.Kind == event.SetWeight && (w.VirtualServer == "" || w.VirtualServer == vs.Name) {
			set[w.RealServer] = true
		}
	}
	whole := v.fits(vs.Name) // else the filter is for its servers
	var found []ServerRow
	for n := range vs.RealServers {
		if r := &vs.RealServers[n]; whole || v.fits(r.Name) {
			row := r.row()
			row.Set = set[r.Name]
			found = append(found, row)
		}
	}
	slices.SortStableFunc(found, func(a, b ServerRow) int { return cmp.Compare(a.Level.order(), b.Level.order()) })
	list, rows := page[ServerRow](found, o.Page, serversOfPage, len(vs.RealServers))
	list.Of = vs.Name
	list.Rows = append(list.Rows, rows...)
	return list, true
}

func (r *RealServer) row() ServerRow {
	row := ServerRow{Name: r.Name, State: "up", Level: OK, Weight: r.Weight, Since: r.Since, Reason: text(r.Reason),
		Traffic: r.Traffic}
	switch {
	case !r.Up:
		row.State, row.Level = "down", Down
	case r.Verdict == "unknown" || r.Verdict == "not checked yet":
		row.State, row.Level = r.Verdict, Degraded
	}
	if k := r.Kernel; k != nil {
		row.Counted, row.Weight, row.Active, row.Inactive = k.Present, k.Weight, k.Active, k.Inactive
		switch {
		case k.Draining:
			row.State, row.Level = "drained", Idle
		case k.Error != "":
			row.State, row.Level, row.Reason = "refused by the kernel", Down, text(k.Error)
		}
	}
	if c := r.LastCheck; c != nil {
		check := c.row()
		row.Check = &check
	}
	return row
}

func (c *Check) row() CheckRow {
	return CheckRow{Checker: text(c.Checker), OK: c.OK, Reason: text(c.Reason), At: c.At, Took: c.Took}
}

// eventsAfter are the events behind one that has been shown; all when it is not there any more.
func (s *Snapshot) eventsAfter(number event.Number) []EventRow {
	from := slices.IndexFunc(s.Events, func(r event.Record) bool { return r.Number == number }) + 1
	from = max(from, len(s.Events)-eventsShown)
	rows := make([]EventRow, 0, len(s.Events)-from)
	for _, r := range s.Events[from:] {
		row := EventRow{
			Number: string(r.Number), At: r.At, Kind: string(r.Kind), Object: text(r.Object), From: text(r.From),
			To: text(r.To), Text: text(r.Text),
		}
		if r.By != nil {
			row.By = text(cmp.Or(r.By.Remote, r.By.User))
		}
		rows = append(rows, row)
	}
	return rows
}

// page cuts a page out of a list.
func page[R, T any](found []T, number, size, all int) (List[R], []T) {
	pages := max((len(found)+size-1)/size, 1)
	number = min(max(number, 0), pages-1)
	from := number * size
	return List[R]{Page: number, Pages: pages, All: all, Found: len(found), Rows: []R{}},
		found[from:min(from+size, len(found))]
}
