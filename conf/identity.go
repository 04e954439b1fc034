package conf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// The identities of this file name an object everywhere: in maps, in what the
// processes say to each other, in the journal and in files. Each is comparable,
// has a text, and is read back from that text. A name that the user may change,
// such as that of a vrrp_instance, is part of none, except where nothing else
// tells two objects apart.

// InstanceID identifies a VRRP instance by its virtual router (RFC 9568
// section 1.7: the VRID on an interface, for each family). Two configurations
// that give one virtual router different names mean the same instance.
type InstanceID struct {
	Interface string // empty for unicast without interface
	IPv6      bool   // family of the advertisements
	VRID      uint8
	// Apart tells an instance from an earlier one of the same file with the same
	// interface, family and VRID: the source address of a unicast one (unspecified
	// when it has none), the group of a multicast one. It is zero for all others.
	Apart netip.Addr
}

// ID is the identity of the instance.
func (in *Instance) ID() InstanceID {
	return InstanceID{Interface: in.Interface, IPv6: in.IPv6, VRID: in.VRID, Apart: in.Apart}
}

// String is "eth0/ipv4/51", or "eth0/ipv4/51/192.0.2.1" with Apart.
func (id InstanceID) String() string {
	family := "ipv4"
	if id.IPv6 {
		family = "ipv6"
	}
	s := id.Interface + "/" + family + "/" + strconv.Itoa(int(id.VRID))
	if id.Apart.IsValid() {
		s += "/" + id.Apart.String()
	}
	return s
}

// ParseInstanceID reads what String wrote.
func ParseInstanceID(s string) (InstanceID, error) {
	parts := strings.Split(s, "/") // an interface's name has no slash
	if len(parts) != 3 && len(parts) != 4 {
		return InstanceID{}, badIdentity("instance", s)
	}
	id := InstanceID{Interface: parts[0], IPv6: parts[1] == "ipv6"}
	vrid, err := strconv.ParseUint(parts[2], 10, 8)
	if err != nil || !id.IPv6 && parts[1] != "ipv4" {
		return InstanceID{}, badIdentity("instance", s)
	}
	id.VRID = uint8(vrid)
	if len(parts) == 4 {
		if id.Apart, err = netip.ParseAddr(parts[3]); err != nil {
			return InstanceID{}, badIdentity("instance", s)
		}
	}
	return id, nil
}

// MarshalText gives String to JSON and its like.
func (id InstanceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseInstanceID.
func (id *InstanceID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseInstanceID(string(text))
	return err
}

// ServiceID identifies a virtual server: the service, or the group of services.
type ServiceID struct {
	Key   ServiceKey // zero when Group is set
	Group string
}

// ID is the identity of the virtual server.
func (v *VirtualServer) ID() ServiceID { return ServiceID{Key: v.Key, Group: v.Group} }

// String is "[192.0.2.10]:tcp:80", "FWM 5", "FWM 5 inet6" or, of a group, "[NAME]:0".
// Events, status and scripts name a virtual server by it.
func (id ServiceID) String() string {
	if id.Group != "" {
		return "[" + id.Group + "]:0"
	}
	return id.Key.String()
}

// ParseServiceID reads what String wrote.
func ParseServiceID(s string) (ServiceID, error) {
	if name, ok := strings.CutSuffix(s, "]:0"); ok && len(name) > 1 && name[0] == '[' {
		return ServiceID{Group: name[1:]}, nil
	}
	key, err := ParseServiceKey(s)
	if err != nil {
		return ServiceID{}, err
	}
	return ServiceID{Key: key}, nil
}

// MarshalText gives String to JSON and its like.
func (id ServiceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseServiceID.
func (id *ServiceID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseServiceID(string(text))
	return err
}

// ParseServiceKey reads what ServiceKey.String wrote.
func ParseServiceKey(s string) (ServiceKey, error) {
	if rest, ok := strings.CutPrefix(s, "FWM "); ok {
		number, six := strings.CutSuffix(rest, " inet6")
		mark, err := strconv.ParseUint(number, 10, 32)
		if err != nil || mark == 0 {
			return ServiceKey{}, badIdentity("virtual server", s)
		}
		return ServiceKey{FWMark: uint32(mark), IPv6: six}, nil
	}
	address, protocol, port, ok := splitService(s)
	if !ok || protocol == 0 {
		return ServiceKey{}, badIdentity("virtual server", s)
	}
	return ServiceKey{Protocol: protocol, Address: address, Port: port}, nil
}

// RealServerID identifies a real server of a virtual server.
type RealServerID struct {
	Service ServiceID
	Server  ServerKey
}

// ServerID is the identity of a real server of the virtual server.
func (v *VirtualServer) ServerID(r *RealServer) RealServerID {
	return RealServerID{Service: v.ID(), Server: r.Key}
}

// String is the text of the service and of the real server:
// "[192.0.2.10]:tcp:80/[10.0.0.2]:80".
func (id RealServerID) String() string { return id.Service.String() + "/" + id.Server.String() }

// ParseRealServerID reads what String wrote.
func ParseRealServerID(s string) (RealServerID, error) {
	cut := strings.LastIndexByte(s, '/') // that of a real server has none
	if cut < 0 {
		return RealServerID{}, badIdentity("real server", s)
	}
	return ParseRealServer(s[:cut], s[cut+1:])
}

// ParseRealServer makes the identity of the two texts by which events name a
// virtual server and one of its real servers.
func ParseRealServer(virtualServer, realServer string) (id RealServerID, err error) {
	if id.Service, err = ParseServiceID(virtualServer); err != nil {
		return RealServerID{}, err
	}
	if id.Server, err = ParseServerKey(realServer); err != nil {
		return RealServerID{}, err
	}
	return id, nil
}

// MarshalText gives String to JSON and its like.
func (id RealServerID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseRealServerID.
func (id *RealServerID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseRealServerID(string(text))
	return err
}

// String is "[10.0.0.2]:80".
func (k ServerKey) String() string {
	return "[" + k.Address.String() + "]:" + strconv.Itoa(int(k.Port))
}

// ParseServerKey reads what String wrote, and the text of events, which has the
// protocol as well: "[10.0.0.2]:tcp:80".
func ParseServerKey(s string) (ServerKey, error) {
	address, _, port, ok := splitService(s)
	if !ok {
		return ServerKey{}, badIdentity("real server", s)
	}
	return ServerKey{Address: address, Port: port}, nil
}

// splitService reads "[ADDRESS]:PROTOCOL:PORT" or "[ADDRESS]:PORT", of which the
// protocol is 0.
func splitService(s string) (address netip.Addr, protocol Protocol, port uint16, ok bool) {
	inside, rest, ok := strings.Cut(strings.TrimPrefix(s, "["), "]:")
	if !ok || !strings.HasPrefix(s, "[") {
		return address, 0, 0, false
	}
	if name, number, both := strings.Cut(rest, ":"); both {
		if protocol, ok = parseProtocol(name); !ok {
			return address, 0, 0, false
		}
		rest = number
	}
	address, err := netip.ParseAddr(inside)
	n, err2 := strconv.ParseUint(rest, 10, 16)
	return address, protocol, uint16(n), err == nil && err2 == nil
}

// parseProtocol reads what Protocol.String wrote.
func parseProtocol(s string) (Protocol, bool) {
	for _, p := range []Protocol{TCP, UDP, SCTP} {
		if p.String() == s {
			return p, true
		}
	}
	number, ok := strings.CutPrefix(s, "proto")
	n, err := strconv.ParseUint(number, 10, 8)
	return Protocol(n), ok && err == nil
}

// SyncGroupID identifies a sync group: its name, since any member may leave it.
type SyncGroupID string

// ID is the identity of the group.
func (g *SyncGroup) ID() SyncGroupID { return SyncGroupID(g.Name) }

// String is the name of the group.
func (id SyncGroupID) String() string { return string(id) }

// ParseSyncGroupID reads what String wrote: any name but the empty one.
func ParseSyncGroupID(s string) (SyncGroupID, error) {
	if s == "" {
		return "", badIdentity("sync group", s)
	}
	return SyncGroupID(s), nil
}

func badIdentity(kind, s string) error {
	return fmt.Errorf("reading an identity: %.60q does not name a %s", s, kind)
}

// ID is the identity of a BFD session: its neighbor, "192.0.2.1", "fe80::1%eth0 multihop from fe80::2".
func (b *BFDInstance) ID() string {
	id := b.Neighbor
	if b.Multihop {
		id += " multihop"
	}
	if b.Source != "" {
		id += " from " + b.Source
	}
	return id
}
