package hostcheck

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/doctor"
)

const (
	// claimRounds is how often each question is asked, claimPatience how long answers of a round are waited for.
	claimRounds   = 2
	claimPatience = 400 * time.Millisecond
	// maxClaims bounds the answers that are kept of one interface.
	maxClaims = 4096
)

// asker asks who has addresses, on one interface and in one family.
type asker struct {
	device string
	ask    func(netip.Addr) error
	// next is the next answer; an error other than a deadline is about one packet.
	next     func() (netip.Addr, net.HardwareAddr, error)
	deadline func(time.Time) error
	close    func() error
}

// claims asks who has the virtual addresses of the instances, each on its interface. Nobody can take
// the questions for a claim: an ARP probe names no address of a sender (RFC 5227 section 1.1), and a neighbour
// solicitation comes from the link-local address (one from :: would disturb a host that is just taking the
// address, RFC 4862 section 5.4.3).
func claims(cfg *conf.Config, interfaces []net.Interface) (list []doctor.Claim) {
	type link struct {
		device string
		six    bool
	}
	wanted := make(map[link][]netip.Addr)
	for _, in := range cfg.Instances {
		for _, a := range slices.Concat(in.Addresses, in.ExcludedAddresses) {
			l := link{in.Interface, a.Prefix.Addr().Is6()}
			if a.Device != "" {
				l.device = a.Device
			}
			if at := a.Prefix.Addr(); len(wanted[l]) < maxGathered && !slices.Contains(wanted[l], at) {
				wanted[l] = append(wanted[l], at)
			}
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for l, addresses := range wanted {
		at := slices.IndexFunc(interfaces, func(i net.Interface) bool { return i.Name == l.device })
		if at < 0 || len(interfaces[at].HardwareAddr) != 6 {
			continue
		}
		open := arpAsker
		if l.six {
			open = ndpAsker
		}
		a, err := open(&interfaces[at]) // in this thread, whose network namespace it is
		if err != nil {
			continue // without CAP_NET_RAW or an address nothing is known
		}
		all.Go(func() {
			answers := a.claimed(addresses, interfaces)
			mu.Lock()
			list = append(list, answers...)
			mu.Unlock()
		})
	}
	all.Wait()
	return list
}

// claimed asks for addresses and gathers who answers; what interfaces of this host answer is left out.
func (a asker) claimed(addresses []netip.Addr, own []net.Interface) (list []doctor.Claim) {
	defer a.close()
	for range claimRounds {
		for _, address := range addresses {
			_ = a.ask(address) // nothing is known of this one
		}
		if a.deadline(time.Now().Add(claimPatience)) != nil {
			return list
		}
		for range maxPackets {
			address, mac, err := a.next()
			if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
				break
			}
			claim := doctor.Claim{Address: address, Device: a.device, MAC: mac.String()}
			ours := slices.ContainsFunc(own, func(i net.Interface) bool { return i.HardwareAddr.String() == claim.MAC }) &&
				!isVirtualMAC(mac) // which the MASTER has, whichever host that is
			if err == nil && len(list) < maxClaims && !ours && slices.Contains(addresses, address) &&
				!slices.Contains(list, claim) {
				list = append(list, claim)
			}
		}
	}
	return list
}

// isVirtualMAC says that a hardware address is that of a virtual router (RFC 9568 section 7.3).
func isVirtualMAC(mac net.HardwareAddr) bool {
	return len(mac) == 6 && mac[0] == 0 && mac[1] == 0 && mac[2] == 0x5e && mac[3] == 0 && (mac[4] == 1 || mac[4] == 2)
}

func arpAsker(ifi *net.Interface) (asker, error) {
	c, err := arp.Dial(ifi)
	if err != nil {
		return asker{}, err
	}
	broadcast := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	return asker{
		device: ifi.Name, deadline: c.SetReadDeadline, close: c.Close,
		ask: func(address netip.Addr) error {
			p, err := arp.NewPacket(arp.OperationRequest, ifi.HardwareAddr, netip.IPv4Unspecified(),
				make(net.HardwareAddr, 6), address)
			if err != nil {
				return err
			}
			return c.WriteTo(p, broadcast)
		},
		next: func() (netip.Addr, net.HardwareAddr, error) {
			p, _, err := c.Read()
			if err != nil || p.Operation != arp.OperationReply {
				return netip.Addr{}, nil, err
			}
			return p.SenderIP, p.SenderHardwareAddr, nil
		},
	}, nil
}

func ndpAsker(ifi *net.Interface) (asker, error) {
	c, _, err := ndp.Listen(ifi, ndp.LinkLocal)
	if err != nil {
		return asker{}, err
	}
	var filter ipv6.ICMPFilter
	filter.SetAll(true)
	filter.Accept(ipv6.ICMPTypeNeighborAdvertisement)
	if err := c.SetICMPFilter(&filter); err != nil {
		c.Close()
		return asker{}, err
	}
	return asker{
		device: ifi.Name, deadline: c.SetReadDeadline, close: c.Close,
		ask: func(address netip.Addr) error {
			group, err := ndp.SolicitedNodeMulticast(address)
			if err != nil {
				return err
			}
			return c.WriteTo(&ndp.NeighborSolicitation{TargetAddress: address, Options: []ndp.Option{
				&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: ifi.HardwareAddr},
			}}, nil, group)
		},
		next: func() (netip.Addr, net.HardwareAddr, error) {
			m, _, _, err := c.ReadFrom()
			if err != nil {
				return netip.Addr{}, nil, err
			}
			na, ok := m.(*ndp.NeighborAdvertisement)
			if !ok {
				return netip.Addr{}, nil, nil
			}
			for _, o := range na.Options {
				if l, ok := o.(*ndp.LinkLayerAddress); ok && l.Direction == ndp.Target {
					return na.TargetAddress, l.Addr, nil
				}
			}
			return netip.Addr{}, nil, nil
		},
	}, nil
}

// nameClaims notes another address of each host that answered, as the kernel's neighbours have it.
func nameClaims(list []doctor.Claim, known map[netip.Addr]string) {
	for n := range list {
		for address, mac := range known {
			virtual := slices.ContainsFunc(list, func(c doctor.Claim) bool { return c.Address == address })
			if mac == list[n].MAC && !virtual && (!list[n].Known.IsValid() || address.Less(list[n].Known)) {
				list[n].Known = address
			}
		}
	}
}

// held are the virtual addresses that this host has, by interface.
func held(cfg *conf.Config, interfaces []doctor.Interface) map[netip.Addr]string {
	here := make(map[netip.Addr]string)
	for _, i := range interfaces {
		for _, p := range i.Addresses {
			here[p.Addr()] = i.Name
		}
	}
	m := make(map[netip.Addr]string)
	for _, in := range cfg.Instances {
		for _, a := range slices.Concat(in.Addresses, in.ExcludedAddresses) {
			if device, ok := here[a.Prefix.Addr()]; ok {
				m[a.Prefix.Addr()] = device
			}
		}
	}
	return m
}

// heldBoth are those of both that are the same: what this host had all the time.
func heldBoth(before, after map[netip.Addr]string) map[netip.Addr]string {
	for address, device := range before {
		if after[address] != device {
			delete(before, address)
		}
	}
	return before
}
