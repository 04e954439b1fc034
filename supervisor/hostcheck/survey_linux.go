package hostcheck

import (
	"errors"
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
	groups := make(map[doctor.Link][]netip.Addr)
	for _, i := range cfg.Instances {
		l := doctor.Link{Device: i.Interface, IPv6: i.IPv6}
		if group := groupOf(i); i.Interface != "" && len(i.UnicastPeers) == 0 && !slices.Contains(groups[l], group) {
			groups[l] = append(groups[l], group)
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
	for l, list := range groups {
		receive := joined(l, list, deadline)
		if receive == nil {
			continue // the interface is not there, or has no address
		}
		s.Links = append(s.Links, l)
		all.Go(func() {
			for range maxPackets {
				h, ok, end := receive()
				if end {
					return
				}
				if h.Device, h.IPv6 = l.Device, l.IPv6; ok && !ours[h.Sender] {
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

// groupOf is where the advertisements of an instance go.
func groupOf(i *conf.Instance) netip.Addr {
	switch {
	case i.MulticastGroup.IsValid() && i.MulticastGroup.Is6() == i.IPv6:
		return i.MulticastGroup
	case i.IPv6:
		return packet.Multicast6
	}
	return packet.Multicast4
}

// joined listens to groups on a link until deadline; nil when that cannot be done.
func joined(l doctor.Link, groups []netip.Addr, deadline time.Time) receiver {
	six := l.IPv6
	ifi, err := net.InterfaceByName(l.Device)
	if err != nil {
		return nil
	}
	network, address := "ip4:112", "0.0.0.0"
	if six {
		network, address = "ip6:112", "::"
	}
	c, err := net.ListenPacket(network, address)
	if err != nil {
		return nil // without CAP_NET_RAW nothing is heard
	}
	four, hops := ipv4.NewPacketConn(c), ipv6.NewPacketConn(c)
	for _, group := range groups {
		if to := (&net.IPAddr{IP: group.AsSlice()}); six {
			err = errors.Join(err, hops.JoinGroup(ifi, to))
		} else {
			err = errors.Join(err, four.JoinGroup(ifi, to))
		}
	}
	if six {
		err = errors.Join(err, hops.SetControlMessage(ipv6.FlagInterface, true))
	} else {
		err = errors.Join(err, four.SetControlMessage(ipv4.FlagInterface, true))
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
