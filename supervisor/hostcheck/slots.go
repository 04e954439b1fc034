package hostcheck

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/worker"
)

// Slots is who gets which client in a service that hashes.
type Slots struct {
	Service table.Service
	// Servers are in the kernel's order, with the weight in Place by which each has its slots.
	Servers []table.Destination
	// Assumed are the real servers of weight 0 of which no director tells that weight.
	Assumed int
	Index   int // CONFIG_IP_VS_MH_TAB_INDEX
	mine    []int
}

// SlotsOf reads a service of the kernel's table. What the kernel does not tell, by which weight
// a real server of weight 0 has its slots, the running director of that run directory does.
func SlotsOf(dir worker.RunDir, name string) (*Slots, error) {
	driver, err := ipvs.Open()
	if err != nil {
		return nil, err
	}
	defer driver.Close()
	services, err := driver.Services()
	if err != nil {
		return nil, err
	}
	s, err := serviceCalled(services, name)
	if err != nil {
		return nil, err
	}
	if !table.Hashes(s.Scheduler) {
		return nil, fmt.Errorf("%s has the scheduler %s, which gives out no slots: mh and sh do", s.Key, s.Scheduler)
	}
	list, err := driver.Destinations(s.Key)
	if err != nil {
		return nil, err
	}
	var status control.Status
	if control.Ask(dir, http.MethodGet, "/v1/status", 10*time.Second, nil, &status) != nil {
		status = control.Status{} // it does not run, and the kernel's table is there all the same
	}
	return newSlots(s, list, places(status, s.Key), ipvs.MaglevIndex()), nil
}

// newSlots puts together what the kernel and the director tell.
func newSlots(s table.Service, list []table.Destination, places map[conf.ServerKey]int, index int) *Slots {
	r := &Slots{Service: s, Servers: list, Index: index}
	for i := range list {
		d := &list[i]
		if d.Place = cmp.Or(d.Weight, places[d.Key]); d.Place == 0 && s.Scheduler == "mh" {
			d.Place = 1
			r.Assumed++
		}
	}
	if s.Scheduler == "mh" {
		r.mine = table.Maglev(list, index)
	}
	return r
}

// places are the weights by which real servers have their slots, as status tells them.
func places(s control.Status, key conf.ServiceKey) map[conf.ServerKey]int {
	known := make(map[conf.ServerKey]int)
	for _, vs := range s.VirtualServers {
		if vs.Name != key.String() {
			continue
		}
		for _, rs := range vs.RealServers {
			if at, err := conf.ParseServerKey(rs.Name); err == nil && rs.Kernel != nil {
				known[table.ServerIn(at, key.Port)] = rs.Kernel.SlotWeight
			}
		}
	}
	return known
}

// serviceCalled is the service that people mean by "192.0.2.10:80", "[192.0.2.10]:tcp:80", "192.0.2.10" and
// "fwmark 5".
func serviceCalled(list []table.Service, name string) (found table.Service, err error) {
	var names []string
	for _, s := range list {
		k := s.Key
		is := k.String() == name || strings.ReplaceAll(k.String(), "FWM", "fwmark") == name
		if k.FWMark == 0 {
			is = is || netip.AddrPortFrom(k.Address, k.Port).String() == name || k.Address.String() == name
		}
		if is {
			found = s
			names = append(names, k.String())
		}
	}
	switch len(names) {
	case 1:
		return found, nil
	case 0:
		return found, fmt.Errorf("the kernel's table has no virtual server %s: director ipvs -Ln lists them", name)
	}
	return found, fmt.Errorf("%s is the name of several: %s", name, strings.Join(names, ", "))
}

// Fingerprint is what directors compare.
func (s *Slots) Fingerprint() string { return table.Fingerprint(s.Service, s.Servers, s.Index) }

// Of says which real server a client gets; the port counts with mh-port only.
func (s *Slots) Of(client netip.AddrPort) (netip.AddrPort, error) {
	switch {
	case s.mine == nil:
		return netip.AddrPort{}, errors.New("who gets a client is computed for mh with a real server only")
	case client.Addr().Is6() != table.Is6(s.Service.Key):
		return netip.AddrPort{}, fmt.Errorf("%s is of the other address family", client.Addr())
	case s.Service.Flags&table.FlagPort == 0:
		client = netip.AddrPortFrom(client.Addr(), 0)
	}
	i := table.MaglevServer(s.mine, s.Servers, client, s.Service.Flags&table.FlagFallback != 0, s.Index)
	if i < 0 {
		return netip.AddrPort{}, errors.New("its real server has weight 0, and there is no other one for it")
	}
	d := s.Servers[i]
	return netip.AddrPortFrom(d.Key.Address, d.Key.Port), nil
}

// Write prints them for people.
func (s *Slots) Write(w io.Writer) error {
	fmt.Fprintf(w, "%s %s\nfingerprint %s\n", s.Service.Key, s.Service.Words(), s.Fingerprint())
	counts := make([]int, len(s.Servers))
	for _, i := range s.mine {
		counts[i]++
	}
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tab, "REAL SERVER\tWEIGHT\tSLOT WEIGHT\tSLOTS")
	for i, d := range s.Servers {
		slots := "-"
		if s.mine != nil {
			slots = fmt.Sprintf("%d of %d", counts[i], len(s.mine))
		}
		fmt.Fprintf(tab, "%s\t%d\t%d\t%s\n", netip.AddrPortFrom(d.Key.Address, d.Key.Port), d.Weight, d.Place, slots)
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if s.Assumed > 0 {
		_, err := fmt.Fprintf(w, "%d with weight 0 may have the slots of another weight than 1: no director tells it\n",
			s.Assumed)
		return err
	}
	return nil
}
