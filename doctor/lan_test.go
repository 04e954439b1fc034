package doctor_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/doctor"
	"github.com/lvs-director/director/event"
)

// finds checks that of some codes exactly those are found that are wanted, as "severity code", each with words.
func finds(t *testing.T, name, config string, facts doctor.Facts, codes []string, want map[string]string) {
	t.Helper()
	cfg, problems := load.LoadText("t", config, load.Options{})
	if conf.HasErrors(problems) {
		t.Fatal(name, problems)
	}
	facts.Config = cfg
	found := make(map[string]string)
	for _, f := range doctor.Examine(facts) {
		for _, code := range codes {
			if f.Code == code {
				found[string(f.Severity)+" "+code] += f.Cause + "; " + f.Evidence + "; " + f.Cure
			}
			if f.Cause == "" || f.Evidence == "" || f.Cure == "" {
				t.Errorf("%s: a finding says too little: %+v", name, f)
			}
		}
	}
	for code, words := range want {
		if !strings.Contains(found[code], words) {
			t.Errorf("%s: %s says %q, want %q in it", name, code, found[code], words)
		}
	}
	if len(found) != len(want) {
		t.Errorf("%s: found %v, want %v", name, found, want)
	}
}

// lanConfig is an instance with two addresses, of which the second is elsewhere.
const lanConfig = "vrrp_instance V {\n interface eth0\n virtual_router_id 51\n priority 150\n %s\n" +
	" virtual_ipaddress {\n 192.0.2.10/24\n 192.0.2.11/24\n 198.51.100.10/24 dev eth1\n }\n}\n"

func lan(lines string) string { return strings.Replace(lanConfig, "%s", lines, 1) }

func claim(address, mac string) doctor.Claim {
	return doctor.Claim{Address: addr(address), Device: "eth0", MAC: mac}
}

func TestDuplicates(t *testing.T) {
	here := map[netip.Addr]string{addr("192.0.2.10"): "eth0"}
	named := claim("192.0.2.10", "02:00:00:00:00:01")
	named.Known = addr("192.0.2.3")
	for name, tc := range map[string]struct {
		facts doctor.Facts
		words string // empty is no finding
	}{
		"nothing known": {doctor.Facts{}, ""},
		"ours":          {doctor.Facts{Held: here}, ""},
		"the MASTER":    {doctor.Facts{Claims: []doctor.Claim{claim("192.0.2.10", "02:01")}}, ""},
		"the MASTER answers for each": {doctor.Facts{Claims: []doctor.Claim{claim("192.0.2.10", "02:01"),
			claim("192.0.2.11", "02:01")}}, ""},
		"it answers twice": {doctor.Facts{Claims: []doctor.Claim{claim("192.0.2.10", "02:01"),
			claim("192.0.2.10", "02:01")}}, ""},
		"two": {doctor.Facts{Claims: []doctor.Claim{claim("192.0.2.10", "02:02"), claim("192.0.2.10", "02:01")}},
			"was answered by 02:01 on eth0 and by 02:02 on eth0"},
		"here and there": {doctor.Facts{Held: here, Claims: []doctor.Claim{named}},
			"which is on eth0 here: clients reach now one, now the other; an ARP probe for 192.0.2.10 was answered by " +
				"02:00:00:00:00:01 (192.0.2.3) on eth0"},
		"one is here, the other there": {doctor.Facts{Held: here, Claims: []doctor.Claim{claim("192.0.2.11", "02:01")}}, ""},
		"a real server, which has a finding": {doctor.Facts{Held: here, Claims: []doctor.Claim{claim("192.0.2.10", "02:01")},
			Answers: []doctor.Answer{{VIP: addr("192.0.2.10"), MAC: "02:01", Server: addr("192.0.2.21")}}}, ""},
		"somebody else's": {doctor.Facts{Held: here, Claims: []doctor.Claim{claim("192.0.2.99", "02:01"),
			claim("192.0.2.99", "02:02")}}, ""},
	} {
		want := map[string]string{}
		if tc.words != "" {
			want["error duplicate-address"] = tc.words
		}
		finds(t, name, lan(""), tc.facts, []string{"duplicate-address"}, want)
	}
}

func TestLostMulticast(t *testing.T) {
	link := doctor.Link{Device: "eth0"}
	silent := doctor.Survey{Lasted: 3 * time.Second, Links: []doctor.Link{link}}
	heard := func(priority uint8, times int) doctor.Survey {
		s := silent
		s.Heard = []doctor.Heard{{Device: "eth0", VRID: 51, Sender: addr("192.0.2.3"), Priority: priority, Times: times}}
		return s
	}
	all := []doctor.Claim{claim("192.0.2.10", "02:01"), claim("192.0.2.11", "02:01")}
	here := map[netip.Addr]string{addr("192.0.2.10"): "eth0", addr("192.0.2.11"): "eth0"}
	role := func(state event.VRRPState, elsewhere string) map[string]doctor.Role {
		return map[string]doctor.Role{"V": {State: state, Priority: 150, Elsewhere: elsewhere}}
	}
	master, backup := event.Master, event.Backup
	byPeer := []doctor.Claim{all[0], all[1]}
	for n := range byPeer {
		byPeer[n].Known = addr("192.0.2.3")
	}
	secret := "peer 192.0.2.3 {\n key hex:" + strings.Repeat("5a", 32) + "\n}\n"
	for name, tc := range map[string]struct {
		lines string
		facts doctor.Facts
		want  map[string]string
	}{
		"nothing known":        {"", doctor.Facts{}, nil},
		"nobody is there":      {"", doctor.Facts{Survey: silent, Roles: role(master, ""), Held: here}, nil},
		"the MASTER is heard":  {"", doctor.Facts{Survey: heard(200, 3), Claims: all, Roles: role(backup, "b")}, nil},
		"it was heard once":    {"", doctor.Facts{Survey: heard(200, 1), Claims: all, Roles: role(backup, "b")}, nil},
		"nobody listened":      {"", doctor.Facts{Survey: doctor.Survey{Lasted: 3 * time.Second}, Claims: all}, nil},
		"unicast is no matter": {"unicast_peer {\n 192.0.2.3\n }", doctor.Facts{Survey: silent, Claims: all}, nil},
		"it advertises rarely": {"advert_int 2", doctor.Facts{Survey: silent, Claims: all, Roles: role(backup, "b")}, nil},
		"no director here": {"", doctor.Facts{Survey: silent, Claims: all},
			map[string]string{"warning multicast-lost": "another host is MASTER of V, and its advertisements do not arrive"}},
		"a peer says so": {"", doctor.Facts{Survey: silent, Roles: role(backup, "b (peer 192.0.2.3)")},
			map[string]string{"warning multicast-lost": "b (peer 192.0.2.3) says that it is MASTER, by unicast"}},
		"both, by the peer": {"", doctor.Facts{Survey: silent, Roles: role(master, "b"), Held: here},
			map[string]string{"error multicast-lost": "VRID 51 to 224.0.0.18"}},
		"both, perhaps": {"", doctor.Facts{Survey: silent, Roles: role(master, ""), Held: here, Claims: all},
			map[string]string{"warning multicast-lost": "if it is a router of this pair"}},
		"both, since the peer answers": {"", doctor.Facts{Survey: silent, Roles: role(master, ""), Held: here,
			Claims: byPeer},
			map[string]string{"error multicast-lost": "02:01 (192.0.2.3) on eth0"}},
		"a stranger has one address": {"", doctor.Facts{Survey: silent, Roles: role(master, ""), Held: here, Claims: all[:1]},
			nil},
		"the route explains it": {"", doctor.Facts{Survey: silent, Roles: role(master, "b"), Held: here,
			Settings: map[string]string{"net.ipv4.conf.eth0.rp_filter": "1"},
			Returns:  []doctor.Return{{Instance: "V", Device: "eth0", Router: addr("192.0.2.3"), Back: "eth1"}}}, nil},

		"beside us, lower": {"", doctor.Facts{Survey: heard(100, 3), Roles: role(master, ""), Held: here},
			map[string]string{"error two-masters": "192.0.2.3 does not hear this host"}},
		"beside us, higher": {"", doctor.Facts{Survey: heard(200, 3), Roles: role(master, ""), Held: here},
			map[string]string{"error two-masters": "this host refuses what it hears"}},
		"beside us, giving up":   {"", doctor.Facts{Survey: heard(100, 1), Roles: role(master, ""), Held: here}, nil},
		"it took over meanwhile": {"", doctor.Facts{Survey: heard(200, 3), Roles: role(master, "")}, nil},
		"here without director": {"", doctor.Facts{Survey: heard(100, 3), Held: here},
			map[string]string{"error two-masters": "192.0.2.3"}},
		"our own source": {"mcast_src_ip 192.0.2.3", doctor.Facts{Survey: heard(150, 3), Roles: role(master, ""), Held: here},
			nil},
	} {
		finds(t, name, secret+lan(tc.lines), tc.facts, []string{"multicast-lost", "two-masters"}, tc.want)
	}
}

func TestPathsOfPackets(t *testing.T) {
	eth1 := func(mtu int) []doctor.Interface { return []doctor.Interface{{Name: "eth1", MTU: mtu}} }
	near := map[netip.Addr]doctor.Route{addr("10.0.0.2"): {Device: "eth1"}, addr("2001:db8::2"): {Device: "eth1"}}
	tun := service("TUN", "")
	tun6 := strings.ReplaceAll(strings.ReplaceAll(tun, "192.0.2.10", "2001:db8::10"), "10.0.0.2", "2001:db8::2")
	gue := strings.Replace(tun, "lb_kind TUN", "lvs_method TUN type gue port 6080", 1)
	path := func(peer bool, mtu, route, largest, tried int) []doctor.Path {
		return []doctor.Path{{To: addr("10.0.0.2"), Peer: peer, Device: "eth1", MTU: mtu, Route: route,
			Answered: largest > 0, Largest: largest, Tried: tried}}
	}
	for name, tc := range map[string]struct {
		config string
		facts  doctor.Facts
		want   map[string]string
	}{
		"nothing known":               {tun, doctor.Facts{}, nil},
		"a peer as should":            {"", doctor.Facts{Paths: path(true, 1500, 1500, 1500, 1500)}, nil},
		"a peer that answers no ping": {"", doctor.Facts{Paths: path(true, 1500, 1500, 0, 1500)}, nil},
		"a peer behind less": {"", doctor.Facts{Paths: path(true, 9000, 9000, 1500, 9000)},
			map[string]string{"warning path-mtu": "10.0.0.2 answers a ping of 1500 bytes, and none of 9000"}},

		"no room": {tun, doctor.Facts{Routes: near, Interfaces: eth1(1500)},
			map[string]string{"note tunnel-mtu": "packet of 1500 bytes needs 1520 in the tunnel (ipip); eth1 has the MTU 1500"}},
		"room": {tun, doctor.Facts{Routes: near, Interfaces: eth1(1520)}, nil},
		"IPv6 is more": {tun6, doctor.Facts{Routes: near, Interfaces: eth1(1520)},
			map[string]string{"note tunnel-mtu": "1540"}},
		"GUE is more": {gue, doctor.Facts{Routes: near, Interfaces: eth1(1520)},
			map[string]string{"note tunnel-mtu": "1532"}},
		"the route": {tun, doctor.Facts{Routes: near, Paths: path(false, 1600, 1400, 0, 1600)},
			map[string]string{"note tunnel-mtu": "eth1 has the MTU 1600, the route 1400"}},
		"room, and proved": {tun, doctor.Facts{Routes: near, Paths: path(false, 1600, 1600, 1600, 1600)}, nil},
		"room enough":      {tun, doctor.Facts{Routes: near, Paths: path(false, 9000, 9000, 1540, 9000)}, nil},
		"no room, and proved": {tun, doctor.Facts{Routes: near, Paths: path(false, 1500, 1500, 1500, 1500)},
			map[string]string{"note tunnel-mtu": "1520"}},
		"less on the way": {tun, doctor.Facts{Routes: near, Paths: path(false, 1600, 1600, 1500, 1600)},
			map[string]string{"warning tunnel-mtu": "advmss 1440"}},
		"no ping": {tun, doctor.Facts{Routes: near, Paths: path(false, 1600, 1600, 0, 1600)}, nil},
		"small packets of clients": {instance + tun, doctor.Facts{Routes: near,
			Interfaces: []doctor.Interface{{Name: "eth0", MTU: 1400}, {Name: "eth1", MTU: 1500}}}, nil},
	} {
		finds(t, name, tc.config, tc.facts, []string{"path-mtu", "tunnel-mtu"}, tc.want)
	}
}

func TestAsymmetricPath(t *testing.T) {
	back := func(known bool, by string) []doctor.Return {
		return []doctor.Return{{Instance: "V", Device: "eth0", Router: addr("192.0.2.3"), Known: known, Back: by}}
	}
	rp := func(all, own string) map[string]string {
		return map[string]string{"net.ipv4.conf.all.rp_filter": all, "net.ipv4.conf.eth0.rp_filter": own}
	}
	for name, tc := range map[string]struct {
		facts doctor.Facts
		words string
	}{
		"nothing known": {doctor.Facts{}, ""},
		"the same":      {doctor.Facts{Returns: back(true, "eth0"), Settings: rp("1", "1")}, ""},
		"unknown":       {doctor.Facts{Returns: back(true, ""), Settings: rp("1", "1")}, ""},
		"no filter":     {doctor.Facts{Returns: back(true, "eth1"), Settings: rp("0", "0")}, ""},
		"loose":         {doctor.Facts{Returns: back(true, "eth1"), Settings: rp("1", "2")}, ""},
		"strict":        {doctor.Facts{Returns: back(true, "eth1"), Settings: rp("0", "1")}, "of 192.0.2.3 for V"},
		"by all": {doctor.Facts{Returns: back(false, "eth1"), Settings: rp("1", "0")},
			"the route to 192.0.2.3 is by eth1"},
	} {
		want := map[string]string{}
		if tc.words != "" {
			want["warning asymmetric-path"] = tc.words
		}
		finds(t, name, lan(""), tc.facts, []string{"asymmetric-path"}, want)
	}
}
