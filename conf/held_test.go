package conf_test

import (
	"net/netip"
	"testing"

	"github.com/lvs-director/director/conf"
)

// Which virtual servers follow an instance: by themselves those of which a director is a real server
// that gets packets to the virtual address.
func TestTied(t *testing.T) {
	addr := netip.MustParseAddr
	instance := func(name string, vrid uint8, vip string) *conf.Instance {
		return &conf.Instance{Name: name, VRID: vrid, Interface: "eth0",
			Addresses:    []conf.Address{{Prefix: netip.MustParsePrefix(vip + "/32"), Device: "eth0"}},
			UnicastPeers: []conf.UnicastPeer{{Address: addr("10.9.0.3")}}}
	}
	cfg := &conf.Config{Instances: []*conf.Instance{instance("A", 1, "10.0.0.1"), instance("B", 2, "10.0.0.2")}}
	own := func(a netip.Addr) bool { return a == addr("10.9.0.2") || a == addr("10.0.0.2") || a.IsLoopback() }
	key := func(s string) conf.ServiceKey {
		at := netip.MustParseAddrPort(s)
		return conf.ServiceKey{Protocol: conf.TCP, Address: at.Addr(), Port: at.Port()}
	}
	mark := conf.ServiceKey{FWMark: 7}
	server := func(address string, method conf.ForwardMethod) []*conf.RealServer {
		return []*conf.RealServer{{Key: conf.ServerKey{Address: addr(address), Port: 80}, Forward: method}}
	}
	match := &conf.Match{Entries: []conf.MatchEntry{{Address: netip.MustParsePrefix("10.0.0.2/31")}}}
	virtual := func(list []*conf.RealServer) conf.VirtualServer { return conf.VirtualServer{RealServers: list} }
	never := virtual(server("10.9.0.2", conf.DR))
	never.OnlyOnMaster = conf.No
	list := conf.VirtualServer{Match: match, RealServers: server("10.9.0.2", conf.DR)}
	sorry := &conf.SorryServer{Key: conf.ServerKey{Address: addr("10.9.0.3")}, Forward: conf.DR}
	for name, test := range map[string]struct {
		v    conf.VirtualServer
		key  conf.ServiceKey
		want string
	}{
		"this host by DR":            {virtual(server("10.9.0.2", conf.DR)), key("10.0.0.1:80"), "A"},
		"this host by TUN":           {virtual(server("10.9.0.2", conf.TUN)), key("10.0.0.2:80"), "B"},
		"this host by NAT":           {virtual(server("10.9.0.2", conf.NAT)), key("10.0.0.1:80"), ""},
		"a peer":                     {virtual(server("10.9.0.3", conf.DR)), key("10.0.0.1:80"), "A"},
		"somebody":                   {virtual(server("10.9.0.4", conf.DR)), key("10.0.0.1:80"), ""},
		"loopback":                   {virtual(server("127.0.0.1", conf.DR)), key("10.0.0.1:80"), ""},
		"a virtual address":          {virtual(server("10.0.0.2", conf.DR)), key("10.0.0.1:80"), ""},
		"an address of no instance":  {virtual(server("10.9.0.2", conf.DR)), key("10.0.0.9:80"), ""},
		"said":                       {conf.VirtualServer{OnlyOnMaster: conf.Yes}, key("10.0.0.1:80"), "A"},
		"said not":                   {never, key("10.0.0.1:80"), ""},
		"another instance":           {conf.VirtualServer{OnlyOnMaster: conf.Yes, MasterOf: "B"}, key("10.0.0.1:80"), "B"},
		"a mark":                     {virtual(server("10.9.0.2", conf.DR)), mark, ""},
		"a mark, said":               {conf.VirtualServer{OnlyOnMaster: conf.Yes, MasterOf: "A"}, mark, "A"},
		"a match list":               {list, mark, "B"},
		"the sorry server is a peer": {conf.VirtualServer{Sorry: sorry}, key("10.0.0.1:80"), "A"},
	} {
		got := ""
		for _, in := range cfg.Holders().Tied(&test.v, test.key, own) {
			got += in.Name
		}
		if got != test.want {
			t.Errorf("%s: tied to %q, want %q", name, got, test.want)
		}
	}
}
