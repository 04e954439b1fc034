package hostcheck

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/doctor"
	"github.com/lvs-director/director/vrrp/packet"
)

const (
	// surveyTime is how long advertisements are listened to: three of those of each second.
	surveyTime = 3300 * time.Millisecond
	// maxHeard bounds the routers, and maxPackets the packets of one link: somebody may flood it.
	maxHeard   = 500
	maxPackets = 20_000
)

// survey listens on the links of the configuration, from this thread's network namespace, and gives what
// was heard when that is over. It joins the multicast groups and sends nothing else.
func survey(cfg *conf.Config, own []doctor.Interface) func() doctor.Survey {
	type place struct {
		device string
		ipv6   bool
	}
	var places []place
	for _, i := range cfg.Instances {
		p := place{i.Interface, i.IPv6}
		if i.Interface != "" && len(i.UnicastPeers) == 0 && !slices.Contains(places, p) {
			places = append(places, p)
		}
	}
	ours := make(map[netip.Addr]bool)
	for _, i := range own {
		for _, p := range i.Addresses {
			ours[p.Addr()] = true
		}
	}
	s := doctor.Survey{Lasted: surveyTime.Round(time.Second)}
	var mu sync.Mutex
	var all sync.WaitGroup
	deadline := time.Now().Add(surveyTime)
	for _, p := range places {
		receive := joined(p.device, p.ipv6, deadline)
		if receive == nil {
			continue // the interface is not there, or has no address
		}
		s.Devices = append(s.Devices, p.device)
		all.Go(func() {
			for range maxPackets {
				h, ok, end := receive()
				if end {
					return
				}
				if h.Device, h.IPv6 = p.device, p.ipv6; ok && !ours[h.Sender] {
					mu.Lock()
					s.Heard = addHeard(s.Heard, h)
					mu.Unlock()
				}
			}
		})
	}
	return func() doctor.Survey {
		all.Wait()
		return s
	}
}

func addHeard(list []doctor.Heard, h doctor.Heard) []doctor.Heard {
	at := slices.IndexFunc(list, func(o doctor.Heard) bool {
		return o.Device == h.Device && o.IPv6 == h.IPv6 && o.VRID == h.VRID && o.Sender == h.Sender
	})
	switch {
	case h.Priority == 0: // it gives up
	case at >= 0:
		list[at].Priority = h.Priority
		list[at].Times++
	case len(list) < maxHeard:
		h.Times = 1
		list = append(list, h)
	}
	return list
}

// receiver gives the next advertisement; ok is false for another packet, and end says that it is over.
type receiver func() (h doctor.Heard, ok, end bool)

// joined listens on an interface until deadline; nil when that cannot be done.
func joined(device string, six bool, deadline time.Time) receiver {
	ifi, err := net.InterfaceByName(device)
	if err != nil {
		return nil
	}
	network, address, group := "ip4:112", "0.0.0.0", packet.Multicast4
	if six {
		network, address, group = "ip6:112", "::", packet.Multicast6
	}
	c, err := net.ListenPacket(network, address)
	if err != nil {
		return nil // without CAP_NET_RAW nothing is heard
	}
	to := &net.IPAddr{IP: group.AsSlice()}
	four, hops := ipv4.NewPacketConn(c), ipv6.NewPacketConn(c)
	if six {
		err = hops.JoinGroup(ifi, to)
		if err == nil {
			err = hops.SetControlMessage(ipv6.FlagInterface, true)
		}
	} else {
		err = four.JoinGroup(ifi, to)
		if err == nil {
			err = four.SetControlMessage(ipv4.FlagInterface, true)
		}
	}
	if err == nil {
		err = c.SetReadDeadline(deadline)
	}
	if err != nil {
		c.Close()
		return nil
	}
	buffer := make([]byte, 4096)
	return func() (h doctor.Heard, ok, end bool) {
		var n, on int
		var from net.Addr
		var err error
		if six {
			var m *ipv6.ControlMessage
			if n, m, from, err = hops.ReadFrom(buffer); m != nil {
				on = m.IfIndex
			}
		} else {
			var m *ipv4.ControlMessage
			if n, m, from, err = four.ReadFrom(buffer); m != nil {
				on = m.IfIndex
			}
		}
		if err != nil {
			c.Close()
			return h, false, true
		}
		const version, advertisement, head = 4, 1, 8 // RFC 9568 section 5.1
		a, err := netip.ParseAddr(from.String())
		if err != nil || on != ifi.Index || n < head || buffer[0]&0xf != advertisement || buffer[0]>>version < 2 {
			return h, false, false
		}
		return doctor.Heard{VRID: buffer[1], Priority: buffer[2], Sender: a.WithZone("").Unmap()}, true, false
	}
}
