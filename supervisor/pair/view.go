package pair

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
)

// View is what a director tells the others of itself. Fields are only added; a reader ignores those that
// it does not know.
type View struct {
	Version string `json:"version"` // of the program
	// Digest is that of the configuration in its normal form (Form).
	Digest string `json:"config_digest"`
	// NotReady says why this half could not take over as a whole, one reason a line; empty is that it could.
	NotReady []string `json:"not_ready,omitempty"`
	// Broken are those of NotReady that are about all instances.
	Broken         []string        `json:"broken,omitempty"`
	Instances      []Instance      `json:"instances,omitempty"`
	VirtualServers []VirtualServer `json:"virtual_servers,omitempty"`
	// LeftOut is how many real servers are not in it, since they are too many.
	LeftOut int `json:"left_out,omitempty"`
}

// Instance is a VRRP instance of a half.
type Instance struct {
	Name      string          `json:"name"`
	VRID      uint8           `json:"virtual_router_id"`
	State     event.VRRPState `json:"state"`
	Priority  int             `json:"priority"`
	Addresses []string        `json:"addresses,omitempty"` // that are advertised, without masks
	Interval  float64         `json:"advert_int"`          // seconds
	// Unable says why it would not take over; empty is that it would.
	Unable string `json:"unable,omitempty"`
}

// VirtualServer is what the checks of a half say of the real servers of one.
type VirtualServer struct {
	Name string `json:"name"`
	// Interval is how long a verdict may take, in seconds.
	Interval float64  `json:"interval"`
	Up       []string `json:"up,omitempty"`
	Down     []string `json:"down,omitempty"`
	// Slots is the fingerprint of what decides who gets which client (control.VirtualServer), where an announce
	// block has an address of it: then all have to be the same.
	Slots string `json:"slots,omitempty"`
}

// Limits of a view.
const (
	maxInstances   = 4096
	maxAddresses   = 2000 // of an instance
	maxRealServers = 60_000
	maxNames       = 3 << 20 // bytes of the names of real servers
	maxText        = 300     // bytes
	maxReasons     = 8
	// maxElements bounds the parts of a view that is read, before room is made for them: megabytes of "{}"
	// would take hundreds in memory.
	maxElements = 400_000
)

// Make makes the view of this half, of a status and of what Servers has made.
func Make(s control.Status, servers Servers, digest string) View {
	v := View{Version: s.Version, Digest: digest, VirtualServers: servers.List, LeftOut: servers.LeftOut}
	for _, w := range s.Workers {
		switch {
		case w.Name == "front":
		case w.Pid == 0:
			v.Broken = append(v.Broken, "its "+w.Name+" worker does not run")
		case w.Silent != "":
			v.Broken = append(v.Broken, "its "+w.Name+" worker does not answer")
		}
	}
	for _, i := range s.Instances[:min(len(s.Instances), maxInstances)] {
		one := Instance{Name: i.Name, VRID: i.VRID, State: i.State, Priority: i.Priority, Interval: i.Interval}
		for _, a := range i.VirtualAddresses {
			if address, _, _ := strings.Cut(a.Address, "/"); !a.Excluded && len(one.Addresses) < maxAddresses {
				one.Addresses = append(one.Addresses, address)
			}
		}
		switch {
		case i.HandedOver != nil:
			one.Unable = "it has been handed over"
		case i.Fault != "":
			one.Unable = clip(i.Fault)
		case i.State != event.Master && i.State != event.Backup:
			one.Unable = clip("it is " + i.State.String() + ": " + i.Reason)
		}
		if one.Unable != "" {
			v.NotReady = append(v.NotReady, i.Name+": "+one.Unable)
		}
		v.Instances = append(v.Instances, one)
	}
	v.Broken = append(v.Broken, servers.Broken...)
	v.NotReady = append(slices.Clone(v.Broken), v.NotReady...)
	if more := len(v.NotReady) - maxReasons; more > 0 {
		v.NotReady = append(v.NotReady[:maxReasons], fmt.Sprintf("and %d more", more))
	}
	return v
}

// Servers are the parts of a view that are about virtual servers. They are large, and change seldom.
type Servers struct {
	List    []VirtualServer
	Broken  []string
	LeftOut int
}

// ServersOf makes them, of those of a status.
func ServersOf(list []control.VirtualServer, cfg *conf.Config) (v Servers) {
	intervals := make(map[string]time.Duration, len(cfg.VirtualServers))
	announced := make(map[string]bool)
	for _, vs := range cfg.VirtualServers {
		intervals[vs.String()] = slowest(vs)
		if cfg.Announced(vs) {
			announced[vs.String()] = true
		}
	}
	broken, names, servers := 0, 0, 0
	for _, vs := range list {
		if vs.Error != "" {
			if broken++; broken == 1 {
				v.Broken = append(v.Broken, clip(vs.Name+": "+vs.Error))
			}
		}
		one := VirtualServer{Name: vs.Name, Interval: intervals[vs.Name].Seconds()}
		if announced[vs.Name] {
			one.Slots = vs.Slots
		}
		for _, r := range vs.RealServers {
			if servers++; vs.ChecksSuspended || servers > maxRealServers || names+len(r.Name) > maxNames {
				v.LeftOut++
				continue
			}
			names += len(r.Name)
			switch r.Verdict {
			case event.Alive.String():
				one.Up = append(one.Up, r.Name)
			case event.Dead.String():
				one.Down = append(one.Down, r.Name)
			}
		}
		v.List = append(v.List, one)
	}
	if broken > 1 {
		v.Broken = append(v.Broken, fmt.Sprintf("%d more virtual servers are not served", broken-1))
	}
	return v
}

// slowest is how long the checks of a virtual server may take to see a change.
func slowest(vs *conf.VirtualServer) (longest time.Duration) {
	for _, r := range vs.RealServers {
		for n := range r.Checkers {
			c := &r.Checkers[n]
			longest = max(longest, c.Interval+time.Duration(c.Retries+1)*(c.Timeout+c.RetryDelay))
		}
	}
	return longest
}

// Read reads the view of a peer: texts are cut and made printable, lists bounded.
func Read(text json.RawMessage) (v View, err error) {
	if n := bytes.Count(text, []byte(",")); n > maxElements {
		return v, fmt.Errorf("reading what a peer tells: it has %d parts: at most %d are allowed", n, maxElements)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("reading what a peer tells: %w", err)
	}
	v.Version, v.Digest = clip(v.Version), clip(v.Digest)
	v.NotReady = v.NotReady[:min(len(v.NotReady), maxReasons+1)]
	v.Broken = v.Broken[:min(len(v.Broken), maxReasons)]
	for _, list := range [][]string{v.NotReady, v.Broken} {
		for n := range list {
			list[n] = clip(list[n])
		}
	}
	v.Instances = v.Instances[:min(len(v.Instances), maxInstances)]
	for n := range v.Instances {
		i := &v.Instances[n]
		i.Addresses = i.Addresses[:min(len(i.Addresses), maxAddresses)]
		i.Name, i.Unable, i.Interval = clip(i.Name), clip(i.Unable), min(max(i.Interval, 0), 255)
	}
	for n := range v.VirtualServers {
		s := &v.VirtualServers[n]
		s.Name, s.Interval, s.Slots = clip(s.Name), min(max(s.Interval, 0), 86400), clip(s.Slots)
	}
	return v, nil
}

// Clip is a text of a peer in one line that harms no terminal.
func Clip(text string) string { return clip(text) }

// clip is a text of one line that harms no terminal.
func clip(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), maxText)], "?")
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, text)
}

// Unable says why a half cannot take over an instance of this one; empty is that it can.
func (v View) Unable(own Instance) string {
	for _, i := range v.Instances {
		if same(own, i) {
			return i.Unable
		}
	}
	return "it has no such instance"
}

// same says that instances of two halves are one virtual router: the same VRID, with an address in
// common. An instance of the same VRID on another network is another one.
func same(a, b Instance) bool {
	if a.VRID != b.VRID {
		return false
	}
	for _, x := range a.Addresses {
		for _, y := range b.Addresses {
			if x == y {
				return true
			}
		}
	}
	return len(a.Addresses)+len(b.Addresses) == 0 && a.Name == b.Name
}
