package hostcheck

import (
	"bufio"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/netns"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/supervisor/plan"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/track"
)

// ipvsList is the kernel's IPVS table as text. It is not there when the module
// is not loaded.
const ipvsList = "/proc/thread-self/net/ip_vs"

// Look fills in what can be read of this host without changing or loading anything:
// interfaces and addresses in net_namespace, the IPVS table in net_namespace_ipvs.
func Look(f *plan.Facts, cfg *conf.Config) {
	unknown := func(what string, err error) { f.Unknown = append(f.Unknown, fmt.Sprintf("%s: %v", what, err)) }
	err := netns.Do(cfg.NetworkNamespace, func() error {
		links, err := Links()
		if err != nil {
			unknown("the interfaces of this host", err)
		} else {
			f.Host = &track.Host{Interfaces: links}
		}
		if f.Addresses, err = hostAddresses(); err != nil {
			unknown("the addresses of this host", err)
		}
		return nil
	})
	if err != nil {
		unknown("the interfaces and addresses", err)
	}
	if err := netns.Do(ipvsNamespace(cfg), func() error { return readTable(f) }); err != nil {
		unknown("the IPVS table", err)
	}
}

// ipvsNamespace is the network namespace of the IPVS table; empty is this process's.
func ipvsNamespace(cfg *conf.Config) string { return cmp.Or(cfg.IPVSNamespace, cfg.NetworkNamespace) }

// readTable reads the IPVS table of this thread's network namespace.
func readTable(f *plan.Facts) error {
	file, err := os.Open(ipvsList)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Table = table.Table{} // without the module there is no table
		return nil
	case err != nil:
		return err
	}
	defer file.Close()
	if f.Table, f.Connections, err = readIPVSList(file); err != nil {
		f.Table, f.Connections = nil, nil
	}
	return err
}

// Links are the interfaces of this host.
func Links() (map[string]track.Interface, error) {
	var kernel link.Kernel
	list, err := kernel.Interfaces()
	if err != nil {
		return nil, err
	}
	addresses, err := kernel.InterfaceAddresses() // of all at once: each list is all that the kernel has
	if err != nil {
		return nil, err
	}
	of := make(map[int][]netip.Prefix, len(list))
	for _, a := range addresses {
		of[a.Index] = append(of[a.Index], a.Prefix)
	}
	links := make(map[string]track.Interface, len(list))
	for _, i := range list {
		links[i.Name] = track.Interface{Up: i.Up, Port: i.Port, Addresses: of[i.Index]}
	}
	return links, nil
}

// LookForTrackers puts together what is known of the things that a configuration
// tracks: what the running director has told, and the files as they are now.
func LookForTrackers(f *plan.Facts, cfg *conf.Config, told []event.TrackerState) {
	if f.Host == nil {
		return
	}
	f.Host.Trackers = make(map[track.Key]event.TrackerState)
	for _, t := range told {
		f.Host.Trackers[track.Key{Kind: t.Kind, Name: t.Name}] = t
	}
	for _, c := range cfg.Files {
		f.Host.Trackers[track.Key{Kind: event.TrackFile, Name: c.Name}] = tracking.LookAtFile(c)
	}
}

// HostFor is what the instances of a configuration need of this host, as far as
// it can be seen without running anything; nil when the host cannot be read.
func HostFor(cfg *conf.Config) *track.Host {
	links, err := Links()
	if err != nil {
		return nil
	}
	f := plan.Facts{Host: &track.Host{Interfaces: links}}
	LookForTrackers(&f, cfg, nil)
	return f.Host
}

// LookForRoutes reads the routes and rules that a configuration asks for, and
// the routes that are keepalived's.
func LookForRoutes(f *plan.Facts, cfg *conf.Config) {
	var routing *plan.Routing
	err := netns.Do(cfg.NetworkNamespace, func() (err error) {
		routing, err = readRouting(plan.Asked(cfg))
		return err
	})
	if err != nil {
		f.Unknown = append(f.Unknown, fmt.Sprintf("the routes and rules of this host: %v", err))
	}
	f.Routing = routing
}

func readRouting(routes []conf.Route, rules []conf.Rule) (*plan.Routing, error) {
	kernel, err := (&link.Kernel{}).Routes()
	if err != nil {
		return nil, err
	}
	defer kernel.Close()
	keys := make([]link.RouteKey, len(routes))
	for n, r := range routes {
		keys[n] = link.KeyOf(r)
	}
	wanted := make([]conf.Rule, len(rules))
	for n, r := range rules {
		wanted[n] = link.RuleOf(r)
	}
	var r plan.Routing
	if r.Routes, err = kernel.RoutesOf(conf.ProtocolKeepalived); err != nil {
		return nil, err
	}
	asked, err := kernel.FindRoutes(keys)
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Routes, asked)
	if r.Rules, err = kernel.FindRules(wanted); err != nil {
		return nil, err
	}
	return &r, nil
}

// LookClosely reads flags and persistence too, which the text does not have.
func LookClosely(f *plan.Facts, cfg *conf.Config) {
	if len(f.Table) == 0 {
		return // empty or unknown; asking more would load the module
	}
	err := netns.Do(ipvsNamespace(cfg), func() error {
		driver, err := ipvs.Open()
		if err != nil {
			return err
		}
		defer driver.Close()
		f.Table, err = ipvs.Dump(driver)
		return err
	})
	if err != nil {
		f.Table = nil
		f.Unknown = append(f.Unknown, fmt.Sprintf("the IPVS table: %v", err))
	}
}

func hostAddresses() ([]link.HostAddress, error) {
	kernel := &link.Kernel{}
	addresses, err := kernel.Addresses()
	if err != nil {
		return nil, err
	}
	defer addresses.Close()
	return addresses.List()
}

// readIPVSList reads the text of /proc/net/ip_vs:
//
//	TCP  0A000001:0050 wlc persistent 300 FFFFFFFF
//	  -> 0A010001:0050      Masq    1      12         3
//	FWM  00000005 rr
//
// Lines that are not of this kind are skipped.
func readIPVSList(r io.Reader) (table.Table, map[plan.Server]plan.Connections, error) {
	t, connections := make(table.Table), make(map[plan.Server]plan.Connections)
	protocols := map[string]conf.Protocol{"TCP": conf.TCP, "UDP": conf.UDP, "SCTP": conf.SCTP}
	forwards := map[string]table.Forward{"Masq": table.Masquerade, "Local": table.LocalNode, "Tunnel": table.Tunnel,
		"Route": table.DirectRoute}
	var current conf.ServiceKey
	for lines := bufio.NewScanner(r); ; {
		if !lines.Scan() {
			return t, connections, lines.Err()
		}
		words := strings.Fields(lines.Text())
		if len(words) < 3 {
			continue
		}
		protocol, known := protocols[words[0]]
		switch {
		case known:
			if ap, ok := hexAddress(words[1]); ok {
				current = conf.ServiceKey{Protocol: protocol, Address: ap.Addr(), Port: ap.Port()}
				t[current] = ipvs.Entry(table.Service{Key: current, Scheduler: words[2]}, nil)
			}
		case words[0] == "FWM":
			if mark, err := strconv.ParseUint(words[1], 16, 32); err == nil {
				current = conf.ServiceKey{FWMark: uint32(mark)}
				t[current] = ipvs.Entry(table.Service{Key: current, Scheduler: words[2]}, nil)
			}
		case words[0] == "->" && len(words) >= 6:
			ap, ok := hexAddress(words[1])
			entry, there := t[current]
			if !ok || !there {
				continue
			}
			if current.FWMark != 0 && ap.Addr().Is6() && !current.IPv6 && len(entry.Destinations) == 0 {
				// Only its real servers show the family of a mark.
				delete(t, current)
				current.IPv6 = true
				entry.Service.Key = current
				t[current] = entry
			}
			key := conf.ServerKey{Address: ap.Addr(), Port: ap.Port()}
			weight, _ := strconv.Atoi(words[3])
			active, _ := strconv.Atoi(words[4])
			inactive, _ := strconv.Atoi(words[5])
			entry.Destinations[key] = table.Destination{Key: key, Forward: forwards[words[2]], Weight: weight}
			connections[plan.Server{Service: current, Real: key}] = plan.Connections{Active: active, Inactive: inactive}
		}
	}
}

// hexAddress reads "0A000001:0050" and "[2001:0db8:...:0001]:0050".
func hexAddress(s string) (netip.AddrPort, bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return netip.AddrPort{}, false
	}
	port, err := strconv.ParseUint(s[i+1:], 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	host := s[:i]
	if strings.HasPrefix(host, "[") {
		a, err := netip.ParseAddr(strings.Trim(host, "[]"))
		return netip.AddrPortFrom(a, uint16(port)), err == nil
	}
	b, err := hex.DecodeString(host)
	if err != nil || len(b) != 4 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), uint16(port)), true
}
