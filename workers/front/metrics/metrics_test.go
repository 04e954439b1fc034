package metrics_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/lvs-director/director/workers/front/metrics"
)

// status is a director's in which everything is there once.
const status = `{
 "version": "1.2", "applied_at": "2026-01-02T03:04:05Z", "reload_refused": "it has errors",
 "workers": [{"name": "vrrp", "restarts": 2}],
 "instances": [{
  "name": "VI_1", "state": "MASTER", "since": "2026-01-02T03:04:06.5Z", "priority": 90, "base_priority": 100,
  "interface": "eth0", "virtual_router_id": 51, "garp": {"master_delay": 5},
  "virtual_addresses": [
   {"address": "10.0.0.9/32"}, {"address": "10.0.0.100/32"}, {"address": "10.0.0.1/32", "excluded": true}],
  "counters": {"sent": 7, "received": 8, "masters": 4, "backups": 2, "faults": 1, "dropped": {"ttl": 5}}
 }],
 "dropped": {"eth0": {"unknown-vrid": 6}},
 "send_lateness": {"eth0": {"counts": [5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], "sum_ns": 2500000000},
  "eth1": {"counts": [1], "sum_ns": 1}},
 "trackers": [{"kind": "script", "name": "chk", "state": "down"}, {"kind": "file", "name": "f", "state": "value"}],
 "check_start_lag": {"counts": [5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], "sum_ns": 2500000000},
 "kernel_repairs": {"address": 3, "service": 1},
 "scripts": [{"object": "INSTANCE VI_1", "script": "notify", "runs": 5, "failures": 2},
  {"object": "REAL_SERVER [10.0.1.1]:tcp:80 of [10.0.0.100]:tcp:80", "script": "notify_up", "runs": 1}],
 "virtual_servers": [{
  "name": "[10.0.0.100]:tcp:80", "quorum": true, "real_servers": [
   {"name": "[10.0.1.1]:tcp:80", "up": true, "weight": 5,
    "checks_counted": [{"checker": "TCP_CHECK 10.0.1.1:80", "ok": 21, "failed": 22, "unknown": 23}],
    "kernel": {"present": true, "weight": 4, "active": 11, "inactive": 12, "traffic": {
     "connections": 31, "in_packets": 32, "out_packets": 33, "in_bytes": 34, "out_bytes": 35}}},
   {"name": "[10.0.1.2]:tcp:80", "up": true, "kernel": {"draining": true}},
   {"name": "[10.0.1.3]:tcp:80", "weight": 6}]
 }]
}`

// links have the network of the addresses behind a shorter one.
var links = metrics.Links{"eth0": {
	netip.MustParsePrefix("10.0.0.9/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.0.0.2/24"),
}}

func text(t *testing.T, m *metrics.Maker, status string, o metrics.Options) string {
	t.Helper()
	s, err := metrics.Parse([]byte(status))
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Text(s, links, o)
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(strings.NewReader(string(b))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	return string(b)
}

// series are the lines of a text that are no comments, and not of the build.
func series(text string) (list []string) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "director_build_info") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func TestEverySeries(t *testing.T) {
	const of = `family="ipv4",interface="eth0",network="10.0.0.0/24",`
	const id = `vrid="51",vrrp_instance="VI_1"`
	const vs = `virtual_server="[10.0.0.100]:tcp:80"`
	lag := []string{}
	for _, c := range []struct {
		le string
		n  int
	}{{"0.0001", 5}, {"0.00025", 6}, {"0.0005", 6}, {"0.001", 6}, {"0.0025", 6}, {"0.005", 6}, {"0.01", 6}, {"0.025", 6},
		{"0.05", 6}, {"0.1", 6}, {"0.25", 6}, {"0.5", 6}, {"1", 6}, {"+Inf", 8}} {
		lag = append(lag, fmt.Sprintf("director_check_start_lag_seconds_bucket{le=%q} %d", c.le, c.n))
	}
	lag = append(lag, "director_check_start_lag_seconds_sum 2.5", "director_check_start_lag_seconds_count 8")
	want := append(lag,
		`director_config_fallback 0`,
		`director_config_last_reload_successful 0`,
		`director_config_timestamp_seconds 1.767323045e+09`,
		`director_kernel_repairs_total{kind="address"} 3`,
		`director_kernel_repairs_total{kind="service"} 1`,
		`director_real_server_active_connections{real_server="[10.0.1.1]:tcp:80",`+vs+`} 11`,
		`director_real_server_active_connections{real_server="[10.0.1.2]:tcp:80",`+vs+`} 0`,
		`director_real_server_checks_total{checker="TCP_CHECK 10.0.1.1:80",real_server="[10.0.1.1]:tcp:80",result="failed",`+
			vs+`} 22`,
		`director_real_server_checks_total{checker="TCP_CHECK 10.0.1.1:80",real_server="[10.0.1.1]:tcp:80",result="ok",`+
			vs+`} 21`,
		`director_real_server_checks_total{checker="TCP_CHECK 10.0.1.1:80",real_server="[10.0.1.1]:tcp:80",`+
			`result="unknown",`+vs+`} 23`,
		`director_real_server_inactive_connections{real_server="[10.0.1.1]:tcp:80",`+vs+`} 12`,
		`director_real_server_inactive_connections{real_server="[10.0.1.2]:tcp:80",`+vs+`} 0`,
		`director_real_server_up{real_server="[10.0.1.1]:tcp:80",`+vs+`} 1`,
		`director_real_server_up{real_server="[10.0.1.2]:tcp:80",`+vs+`} 1`,
		`director_real_server_up{real_server="[10.0.1.3]:tcp:80",`+vs+`} 0`,
		`director_real_server_weight{real_server="[10.0.1.1]:tcp:80",`+vs+`} 4`,
		`director_real_server_weight{real_server="[10.0.1.2]:tcp:80",`+vs+`} 0`,
		`director_real_server_weight{real_server="[10.0.1.3]:tcp:80",`+vs+`} 6`,
		`director_scripts_total{object="INSTANCE VI_1",result="failed",script="notify"} 2`,
		`director_scripts_total{object="INSTANCE VI_1",result="ok",script="notify"} 3`,
		`director_scripts_total{object="REAL_SERVER [10.0.1.1]:tcp:80 of [10.0.0.100]:tcp:80",result="failed",`+
			`script="notify_up"} 0`,
		`director_scripts_total{object="REAL_SERVER [10.0.1.1]:tcp:80 of [10.0.0.100]:tcp:80",result="ok",`+
			`script="notify_up"} 1`,
		`director_tracker_up{kind="script",name="chk"} 0`,
		`director_virtual_server_quorum{`+vs+`} 1`,
		`director_virtual_server_real_servers{state="down",`+vs+`} 1`,
		`director_virtual_server_real_servers{state="drained",`+vs+`} 1`,
		`director_virtual_server_real_servers{state="up",`+vs+`} 1`,
		`director_vrrp_advertisements_total{direction="received",`+of+id+`} 8`,
		`director_vrrp_advertisements_total{direction="sent",`+of+id+`} 7`,
		`director_vrrp_base_priority{`+of+id+`} 100`,
		`director_vrrp_last_transition_timestamp_seconds{`+of+id+`} 1.7673230465e+09`,
		`director_vrrp_packets_dropped_total{family="",interface="eth0",network="",reason="unknown-vrid",vrid="",`+
			`vrrp_instance=""} 6`,
		`director_vrrp_packets_dropped_total{`+of+`reason="ttl",`+id+`} 5`,
		`director_vrrp_priority{`+of+id+`} 90`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.0001"} 5`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.00025"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.0005"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.001"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.0025"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.005"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.01"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.025"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.05"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.1"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.25"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="0.5"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="1"} 6`,
		`director_vrrp_send_lateness_seconds_bucket{interface="eth0",le="+Inf"} 8`,
		`director_vrrp_send_lateness_seconds_sum{interface="eth0"} 2.5`,
		`director_vrrp_send_lateness_seconds_count{interface="eth0"} 8`,
		`director_vrrp_state{`+of+`state="backup",`+id+`} 0`,
		`director_vrrp_state{`+of+`state="fault",`+id+`} 0`,
		`director_vrrp_state{`+of+`state="init",`+id+`} 0`,
		`director_vrrp_state{`+of+`state="master",`+id+`} 1`,
		`director_vrrp_transitions_total{`+of+`to="backup",`+id+`} 2`,
		`director_vrrp_transitions_total{`+of+`to="fault",`+id+`} 1`,
		`director_vrrp_transitions_total{`+of+`to="master",`+id+`} 4`,
		`director_worker_restarts_total{worker="vrrp"} 2`,
	)
	got := series(text(t, metrics.New(), status, metrics.Options{RealServers: true}))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestOptions(t *testing.T) {
	got := text(t, metrics.New(), status, metrics.Options{Network: "site-a"})
	if strings.Contains(got, "director_real_server_") || strings.Contains(got, "REAL_SERVER") || !strings.Contains(got, `state="down",virtual_server=`) {
		t.Error("series of single real servers are not left out, or those of the virtual server are")
	}
	if strings.Contains(got, "10.0.0.0/24") || !strings.Contains(got, `network="site-a"`) {
		t.Error("the network has not its name")
	}
}

// TestHostileNames: names of the configuration, and what other routers are counted under, break
// neither the text nor the rest of it.
func TestHostileNames(t *testing.T) {
	name := `a\"} 1\n<script>` + "\xff\u202e"
	s := `{"instances": [{"name": "` + name + `", "state": "BACKUP"}], "trackers": [` +
		`{"kind": "script", "name": "` + name + `", "state": "up"}, {"kind": "script", "name": "fine", "state": "up"}]}`
	got := text(t, metrics.New(), s, metrics.Options{})
	trackers, err := parse(got)
	if err != nil || trackers != 2 {
		t.Errorf("%d trackers, %v", trackers, err)
	}
}

// parse counts the trackers, as Prometheus reads the text.

func parse(text string) (trackers int, err error) {
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(text))
	return len(families["director_tracker_up"].GetMetric()), err
}

// TestTheSameTwice: two objects with the same labels are told, and cost no other series.
func TestTheSameTwice(t *testing.T) {
	s, err := metrics.Parse([]byte(`{"trackers": [{"kind": "script", "name": "a", "state": "up"},
		{"kind": "script", "name": "a", "state": "down"}, {"kind": "script", "name": "b", "state": "up"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	b, err := metrics.New().Text(s, nil, metrics.Options{})
	if err == nil || !strings.Contains(string(b), `director_tracker_up{kind="script",name="b"} 1`) {
		t.Errorf("%v in\n%s", err, b)
	}
}

func TestNoStatus(t *testing.T) {
	for _, s := range []string{"", "null and void", `{"instances": 3}`} {
		if _, err := metrics.Parse([]byte(s)); err == nil {
			t.Errorf("%q is read", s)
		}
	}
}

// BenchmarkText is a scrape of 40,000 real servers.
func BenchmarkText(b *testing.B) {
	var s metrics.Snapshot
	for v := range 400 {
		vs := metrics.VirtualServer{Name: fmt.Sprintf("[10.1.%d.%d]:tcp:80", v/256, v%256), Quorum: true}
		for r := range 100 {
			vs.RealServers = append(vs.RealServers, metrics.RealServer{
				Name: fmt.Sprintf("[10.2.%d.%d]:tcp:80", v%256, r), Up: true,
				Kernel: &metrics.InKernel{Present: true, Weight: 1, Active: uint64(r)},
			})
		}
		s.VirtualServers = append(s.VirtualServers, vs)
	}
	m := metrics.New()
	b.ReportAllocs()
	for b.Loop() {
		text, err := m.Text(&s, nil, metrics.Options{RealServers: true})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(text)), "text-bytes")
	}
}

// TestNetworkOfAFailedInterface: an interface that is down has lost its addresses, and is gone in the end. The
// network of its instances stays what it was: the half that fails belongs to the other one still.
func TestNetworkOfAFailedInterface(t *testing.T) {
	m := metrics.New()
	s, err := metrics.Parse([]byte(status))
	if err != nil {
		t.Fatal(err)
	}
	for what, on := range map[string]metrics.Links{"up": links, "without addresses": {"eth0": nil}, "gone": nil} {
		if _, err := m.Text(s, links, metrics.Options{}); err != nil {
			t.Fatal(err)
		}
		b, err := m.Text(s, on, metrics.Options{})
		if err != nil || !strings.Contains(string(b), `network="10.0.0.0/24"`) || strings.Contains(string(b), `network="10.0.0.9/32"`) {
			t.Errorf("%s: %v, in\n%s", what, err, b)
		}
	}
	b, err := metrics.New().Text(s, nil, metrics.Options{})
	if err != nil || !strings.Contains(string(b), `network="10.0.0.9/32"`) {
		t.Errorf("never known: %v, in\n%s", err, b)
	}
}

// TestNamesOfKeepalivedsExporters: names, labels and types are those of mehdy/keepalived-exporter and of
// gen2brain/keepalived_exporter.
func TestNamesOfKeepalivedsExporters(t *testing.T) {
	const mehdy, address, gen2brain = "iname intf vrid", "iname intf ip_address vrid", "intf name state vrid"
	want := map[string]string{
		"keepalived_up": "GAUGE ", "keepalived_vrrp_state": "GAUGE " + address,
		"keepalived_vrrp_excluded_state": "GAUGE " + address,
		"keepalived_script_status":       "GAUGE name", "keepalived_script_state": "GAUGE name",
		"keepalived_gratuitous_arp_delay_total": "COUNTER " + mehdy,
	}
	for name := range strings.FieldsSeq(`advertisements_received advertisements_sent become_master release_master
		packet_length_errors advertisements_interval_errors ip_ttl_errors invalid_type_received address_list_errors
		authentication_invalid authentication_mismatch authentication_failure priority_zero_received priority_zero_sent`) {
		want["keepalived_"+name+"_total"] = "COUNTER " + mehdy
	}
	for name := range strings.FieldsSeq(`advert_rcvd advert_sent become_master release_master packet_len_err
		advert_interval_err ip_ttl_err invalid_type_rcvd addr_list_err invalid_authtype authtype_mismatch auth_failure
		pri_zero_rcvd pri_zero_sent`) {
		want["keepalived_vrrp_"+name] = "COUNTER " + gen2brain
	}
	for name := range strings.FieldsSeq("in_packets out_packets in_bytes out_bytes conn") {
		want["keepalived_lvs_rs_"+name] = "COUNTER addr proto vip"
	}
	s, err := metrics.Parse([]byte(strings.ReplaceAll(status, `{"address": "10.0.0.1/32", "ex`,
		`{"address": "10.0.0.1/24", "device": "eth1", "ex`)))
	if err != nil {
		t.Fatal(err)
	}
	o := metrics.Options{RealServers: true}
	plain, err := metrics.New().Text(s, links, o)
	if err != nil || strings.Contains(string(plain), "keepalived_") {
		t.Errorf("they are there although nobody asks: %v", err)
	}
	o.Keepalived = true
	b, err := metrics.New().Text(s, links, o)
	if err != nil || !strings.Contains(string(b), "director_vrrp_state{") {
		t.Fatalf("%v, or the others are not there", err)
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for name, f := range families {
		if strings.HasPrefix(name, "keepalived_") {
			var labels []string
			for _, l := range f.GetMetric()[0].GetLabel() {
				labels = append(labels, l.GetName())
			}
			got[name] = f.GetType().String() + " " + strings.Join(labels, " ")
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	for _, line := range []string{
		`keepalived_vrrp_state{iname="VI_1",intf="",ip_address="10.0.0.100",vrid="51"} 2`,
		`keepalived_vrrp_excluded_state{iname="VI_1",intf="eth1",ip_address="10.0.0.1/24",vrid="51"} 2`,
		`keepalived_vrrp_advert_sent{intf="eth0",name="VI_1",state="MASTER",vrid="51"} 7`,
		`keepalived_ip_ttl_errors_total{iname="VI_1",intf="eth0",vrid="51"} 5`,
		`keepalived_gratuitous_arp_delay_total{iname="VI_1",intf="eth0",vrid="51"} 5`,
		`keepalived_script_status{name="chk"} 0`,
		`keepalived_lvs_rs_in_bytes{addr="10.0.1.1:80",proto="6",vip="10.0.0.100:80"} 34`,
	} {
		if !strings.Contains(string(b), "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, b)
		}
	}
}
