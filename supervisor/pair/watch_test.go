package pair_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/pair"
	"github.com/lvs-director/director/worker/front"
)

func instance(state event.VRRPState, address string) pair.Instance {
	return pair.Instance{Name: "VI_1", VRID: 51, State: state, Priority: 100, Addresses: []string{address}, Interval: 1}
}

func view(state event.VRRPState, up, down []string) pair.View {
	return pair.View{
		Version: "1", Digest: "d", Instances: []pair.Instance{instance(state, "10.0.0.100")},
		VirtualServers: []pair.VirtualServer{{Name: "web", Interval: 6, Up: up, Down: down,
			Slots: "mh-port:4093:2:a:b:c"}},
	}
}

// TestWhatIsWrongWithAPair: each thing that can be wrong is said when it has lasted, and not before; a
// healthy pair says nothing.
func TestWhatIsWrongWithAPair(t *testing.T) {
	servers := []string{"10.0.0.11:80"}
	for name, c := range map[string]struct {
		own    event.VRRPState
		change func(h *pair.Half)
		quiet  time.Duration // it is not said until then
		says   string        // a minute and a bit later; empty is nothing
	}{
		"healthy": {own: event.Master, change: func(*pair.Half) {}},
		"two masters": {event.Master, func(h *pair.Half) { h.View.Instances[0].State = event.Master }, 6 * time.Second,
			"VI_1 has 2 masters: this host (lb1) and lb2 (10.0.0.2)"},
		"the same VRID on another network": {event.Master, func(h *pair.Half) {
			h.View.Instances[0] = instance(event.Master, "10.9.0.100")
		}, 0, ""},
		"nobody": {event.Backup, func(*pair.Half) {}, 6 * time.Second, "VI_1 has no master"},
		"nobody, but a peer is not heard": {event.Backup, func(h *pair.Half) { h.Link.Up = false }, 9 * time.Second,
			"peer lb2 (10.0.0.2) is not reachable since"},
		"not ready": {event.Master, func(h *pair.Half) { h.View.NotReady = []string{"VI_1: eth1 is down"} }, 9 * time.Second,
			"peer lb2 (10.0.0.2) cannot take over: VI_1: eth1 is down"},
		"configuration": {event.Master, func(h *pair.Half) { h.View.Digest = "e" }, 29 * time.Second,
			"the configuration of peer lb2 (10.0.0.2) differs"},
		"version": {event.Master, func(h *pair.Half) { h.View.Version, h.View.Digest = "2", "e" }, 59 * time.Second,
			"peer lb2 (10.0.0.2) runs version 2, and this half 1"},
		"verdict": {event.Master, func(h *pair.Half) {
			s := &h.View.VirtualServers[0]
			s.Up, s.Down = nil, servers
		}, 16 * time.Second, "web: 10.0.0.11:80 is up here and down on lb2 (10.0.0.2)"},
		"slots": {event.Master, func(h *pair.Half) { h.View.VirtualServers[0].Slots = "mh-port:4093:2:a:b:d" },
			29 * time.Second, "web: peer lb2 (10.0.0.2) may give a client another real server, so that a connection which " +
				"moves there breaks: the real servers are in another order"},
		"slots of a peer that tells of none": {event.Master, func(h *pair.Half) {
			h.View.VirtualServers[0].Slots = ""
		}, 0, ""},
		"clock": {event.Master, func(h *pair.Half) { h.Link.Offset = -3 * time.Second }, 4 * time.Second,
			"the clock of peer lb2 (10.0.0.2) is 3s behind"},
		"clock of a slow way": {event.Master, func(h *pair.Half) {
			h.Link.Offset, h.Link.RoundTrip = 3*time.Second, 5*time.Second
		}, 0, ""},
		"key": {event.Master, func(h *pair.Half) { h.Link = front.PeerLink{Fault: front.FaultKey} }, 0,
			"peer 10.0.0.2 uses another key"},
		"protocol": {event.Master, func(h *pair.Half) {
			h.Link = front.PeerLink{Fault: front.FaultProtocol, Why: "it speaks 9"}
		}, 0, "peer 10.0.0.2: it speaks 9: upgrade one of the two"},
		"itself": {event.Master, func(h *pair.Half) { h.Link = front.PeerLink{Fault: front.FaultItself} }, 0,
			"is this host itself"},
		"the name":    {event.Master, func(h *pair.Half) { h.Link.Name = "lb1" }, 0, "has the name of this host"},
		"two at once": {event.Master, func(h *pair.Half) { h.Link.Two = true }, 0, "two directors say in turn"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Unix(1_700_000_000, 0)
			theirs := view(event.Backup, servers, nil)
			half := pair.Half{Address: "10.0.0.2", Link: front.PeerLink{Up: true, Name: "lb2"}, Since: start, View: &theirs}
			c.change(&half)
			own := view(c.own, servers, nil)
			var w pair.Watch
			look := func(after time.Duration) []pair.Finding {
				return w.Look(start.Add(after), "lb1", own, []pair.Half{half})
			}
			first := look(0)
			if c.quiet > 0 && len(first)+len(look(c.quiet)) > 0 {
				t.Errorf("it is said before %v: %v", c.quiet, first)
			}
			found := look(90 * time.Second)
			switch {
			case c.says == "" && len(found) > 0:
				t.Errorf("it says %v", found)
			case c.says != "" && (len(found) != 1 || !strings.Contains(found[0].Text, c.says)):
				t.Errorf("it says %v, want %q", found, c.says)
			}
			// It is over: the next time it has to last again.
			well := view(event.Backup, servers, nil)
			healthy := pair.Half{Address: "10.0.0.2", Link: front.PeerLink{Up: true, Name: "lb2"}, View: &well}
			if left := w.Look(start.Add(2*time.Minute), "lb1", view(event.Master, servers, nil),
				[]pair.Half{healthy}); len(left) > 0 {
				t.Errorf("it is not over: %v", left)
			}
			if again := look(2*time.Minute + time.Second); c.quiet > 0 && len(again) > 0 {
				t.Errorf("it is said at once again: %v", again)
			}
		})
	}
}

const half = `global_defs {
    router_id %[1]s
}
peer %[2]s {
    key hex:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a
    listen %[3]s
}
vrrp_instance VI_1 {
    state %[4]s
    interface eth0
    virtual_router_id 51
    priority %[5]d
    unicast_src_ip %[3]s
    unicast_peer {
        %[2]s
    }
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        10.0.0.100/24
    }
}
virtual_server 10.0.0.100 80 {
    delay_loop %[6]d
    protocol TCP
    real_server 10.0.0.11 80 {
        TCP_CHECK {
        }
    }
}
`

func form(t *testing.T, words ...any) []string {
	t.Helper()
	cfg, findings := load.LoadText("lb.conf", fmt.Sprintf(half, words...), load.Options{})
	for _, f := range findings {
		if f.Severity > 0 && strings.Contains(f.Message, "cannot") {
			t.Log(f)
		}
	}
	return pair.Form(cfg)
}

// TestForm: the normal forms of two halves are equal when the halves differ in what has to; what else
// differs is told by its lines, and no secret is in them.
func TestForm(t *testing.T) {
	a := form(t, "lb1", "10.0.0.2", "10.0.0.1", "MASTER", 150, 6)
	b := form(t, "lb2", "10.0.0.1", "10.0.0.2", "BACKUP", 100, 6)
	if lines, n := pair.Difference(a, b, 100); n != 0 || pair.Digest(a) != pair.Digest(b) {
		t.Errorf("the halves differ in %q", lines)
	}
	c := form(t, "lb2", "10.0.0.1", "10.0.0.2", "BACKUP", 100, 9)
	lines, n := pair.Difference(a, c, 100)
	if n == 0 || pair.Digest(a) == pair.Digest(c) ||
		!slices.Contains(lines, "- virtual_server 10.0.0.100 80: delay_loop 6") ||
		!slices.Contains(lines, "+ virtual_server 10.0.0.100 80: delay_loop 9") {
		t.Errorf("they differ in %q", lines)
	}
	text := strings.Join(a, "\n")
	for _, secret := range []string{"secret", "5a5a", "ZZZZ"} {
		if strings.Contains(text, secret) {
			t.Errorf("the form has %q:\n%s", secret, text)
		}
	}
	if few, all := pair.Difference(a, c, 1); len(few) != 1 || all != n {
		t.Errorf("of %d lines %d are given", all, len(few))
	}
}

// TestAViewOfManyServers: what tells of 40,000 real servers fits into a message, and what is more is cut
// with a number.
func TestAViewOfManyServers(t *testing.T) {
	cfg, _ := load.LoadText("lb.conf", "", load.Options{})
	for count, leftOut := range map[int]bool{40_000: false, 100_000: true} {
		vs := control.VirtualServer{Name: "web"}
		for n := range count {
			vs.RealServers = append(vs.RealServers, control.RealServer{
				Name:    fmt.Sprintf("[2001:db8:1111:2222:3333:4444:%x:%x]:8080", n>>16, n&0xffff),
				Verdict: event.Alive.String(),
			})
		}
		v := pair.Make(control.Status{}, pair.ServersOf([]control.VirtualServer{vs}, cfg), "d")
		text, err := json.Marshal(v)
		if err != nil || len(text) > front.MaxPeerMessage || (v.LeftOut > 0) != leftOut {
			t.Errorf("%d servers: %d bytes, %d are left out, %v", count, len(text), v.LeftOut, err)
		}
	}
}

// TestHostileViews: what a peer says is bounded, and harms no terminal.
func TestHostileViews(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	text := fmt.Sprintf(`{"version":"\u001b[2J","not_ready":["%[1]s","b","c","d","e","f","g","h","i","j","k"],
		"instances":[{"name":"a\u001bb","advert_int":1e300,"unable":"%[1]s"}],"virtual_servers":[{"name":"\n","interval":-5}]}`,
		long)
	v, err := pair.Read([]byte(text))
	if err != nil || strings.ContainsRune(v.Version, 0x1b) || len(v.NotReady) > 9 || len(v.NotReady[0]) > 300 ||
		v.Instances[0].Name != "a b" || v.Instances[0].Interval > 255 || len(v.Instances[0].Unable) > 300 ||
		v.VirtualServers[0].Interval != 0 || v.VirtualServers[0].Name != " " {
		t.Errorf("read %+.300v, %v", v, err)
	}
	if _, err := pair.Read([]byte("[]")); err == nil {
		t.Error("a list is a view")
	}
}

// TestAViewThatIsABomb: a few megabytes of empty things would take hundreds of them in memory, and are
// not read; the view of a director with 40,000 real servers and 4,000 instances is.
func TestAViewThatIsABomb(t *testing.T) {
	for _, element := range []string{"{}", "null", "0"} {
		text := `{"virtual_servers":[` + strings.Repeat(element+",", front.MaxPeerMessage/8) + element + `]}`
		if _, err := pair.Read([]byte(text)); err == nil || !strings.Contains(err.Error(), "parts") {
			t.Errorf("%d bytes of %s: %v", len(text), element, err)
		}
	}
	large := view(event.Master, nil, nil)
	large.Instances = nil
	for n := range 4000 {
		i := instance(event.Backup, fmt.Sprintf("10.1.%d.%d", n/250, n%250))
		i.Name, i.Unable = fmt.Sprintf("VI_%d", n), "a reason, and another"
		large.Instances = append(large.Instances, i)
	}
	for n := range 40_000 {
		s := &large.VirtualServers[0]
		s.Up = append(s.Up, fmt.Sprintf("[10.%d.%d.%d]:tcp:80", 2+n/62500, n/250%250, n%250))
	}
	text, err := json.Marshal(large)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := pair.Read(text); err != nil || len(v.VirtualServers[0].Up) != 40_000 || len(v.Instances) != 4000 {
		t.Errorf("a large view: %v", err)
	}
}

// TestAViewOfANewerDirector: a state that this version has no word for costs no more than itself, and
// nobody concludes from it that there is no master.
func TestAViewOfANewerDirector(t *testing.T) {
	for _, state := range []string{`"DRAINING"`, `7`, `{"name":"BACKUP"}`} {
		text := `{"version":"2","not_ready":["x"],"mood":"good","instances":[
			{"name":"VI_1","virtual_router_id":51,"state":` + state + `,"priority":90,"addresses":["10.0.0.100"]},
			{"name":"VI_2","virtual_router_id":52,"state":"MASTER","priority":90}]}`
		v, err := pair.Read([]byte(text))
		if err != nil || v.Version != "2" || len(v.NotReady) != 1 || len(v.Instances) != 2 {
			t.Errorf("state %s: %+v, %v", state, v, err)
			continue
		}
		if i := v.Instances[0]; i.State.String() != "UNKNOWN" || i.Priority != 90 || i.Addresses[0] != "10.0.0.100" ||
			v.Instances[1].State != event.Master {
			t.Errorf("state %s: %+v", state, v.Instances)
		}
		v.Version, v.NotReady = "1", nil
		v.Digest = "d"
		h := pair.Half{Address: "10.0.0.2", Link: front.PeerLink{Up: true, Name: "lb2"}, View: &v}
		var w pair.Watch
		w.Look(time.Unix(0, 0), "lb1", view(event.Backup, nil, nil), []pair.Half{h})
		if found := w.Look(time.Unix(60, 0), "lb1", view(event.Backup, nil, nil), []pair.Half{h}); len(found) > 0 {
			t.Errorf("state %s: it says %v", state, found)
		}
	}
}

// TestWorse: a half is kept from handing over only by what works here and not there, and is about the
// instance that is handed over.
func TestWorse(t *testing.T) {
	const web, shop, mail = "[10.0.0.100]:tcp:80", "[10.0.0.101]:tcp:80", "[10.0.0.100]:tcp:25"
	cfg, _ := load.LoadText("lb.conf", "", load.Options{})
	half := func(lvs int, broken ...string) pair.View {
		s := control.Status{Workers: []control.Worker{{Name: "vrrp", Pid: 1}, {Name: "lvs", Pid: lvs}}}
		for n, address := range []string{"10.0.0.100/24", "10.0.0.101/24"} {
			s.Instances = append(s.Instances, control.Instance{
				Name: fmt.Sprintf("VI_%d", n+1), VRID: uint8(n + 1), State: event.Master,
				VirtualAddresses: []control.Address{{Address: address}},
			})
		}
		for _, name := range []string{web, shop, mail} {
			vs := control.VirtualServer{Name: name, Address: strings.Trim(name[:12], "[]")}
			if slices.Contains(broken, name) {
				vs.Error = "no such scheduler"
			}
			s.VirtualServers = append(s.VirtualServers, vs)
		}
		return pair.Make(s, pair.ServersOf(s.VirtualServers, cfg), "d")
	}
	for name, c := range map[string]struct {
		own, theirs pair.View
		says        string
	}{
		"healthy":                        {half(2), half(2), ""},
		"broken there":                   {half(2), half(2, web), web + ": no such scheduler"},
		"broken here":                    {half(2, web), half(2), ""},
		"broken on both":                 {half(2, web), half(2, web), ""},
		"another one there":              {half(2, web), half(2, web, mail), mail + ": no such scheduler"},
		"fewer there":                    {half(2, web, mail), half(2, web), ""},
		"on another instance's address":  {half(2), half(2, shop), ""},
		"no worker there":                {half(2), half(0), "its lvs worker does not run"},
		"no worker on either":            {half(0), half(0), ""},
		"no worker there, one is broken": {half(2), half(0, web), "its lvs worker does not run"},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(c.theirs)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := pair.Read(text)
			if err != nil {
				t.Fatal(err)
			}
			if why := theirs.Worse(c.own)(c.own.Instances[0]); why != c.says {
				t.Errorf("it says %q, want %q", why, c.says)
			}
		})
	}
	old := pair.View{Broken: []string{"web: no such scheduler"}} // of a version that says no more
	if why := old.Worse(half(2))(half(2).Instances[0]); why != "web: no such scheduler" {
		t.Errorf("of an older peer: %q", why)
	}
}
