//go:build linux

package integration_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// lines returns the sorted lines of a text, without comments and with single spaces.
func lines(text string) (list []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) > 0 {
			list = append(list, strings.Join(f, " "))
		}
	}
	slices.Sort(list)
	return list
}

// TestIpvsPrintsWhatIpvsadmDoes: "director ipvs" prints the real table as Debian's ipvsadm
// does, and a configuration that "director ipvs import" makes of ipvsadm's text makes the
// same table again.
func TestIpvsPrintsWhatIpvsadmDoes(t *testing.T) {
	stage.RequireIpvsadm(t)
	s := openShop(t)
	near, near6 := "192.0.2.", "2001:db8:1::"
	s.open(
		service(at2(81), dr("wrr"), nearServers(near, 81, 3, 3, 2, 1)...),
		service(at2(82), dr("sh", "sh-port", "sh-fallback"), nearServers(near, 82, 3)...),
		service(at2(83), dr("mh", "mh-port", "mh-fallback"), nearServers(near, 83, 3)...),
		service(at2(84), dr("lc", "persistence_timeout 300", "persistence_granularity 255.255.255.0"),
			nearServers(near, 84, 2)...),
		service(at2(53), []string{"lb_algo rr", "lb_kind DR", "protocol UDP", "ops"}, nearServers(near, 53, 2)...),
		service(at2(90), []string{"lb_algo rr", "lb_kind DR", "protocol SCTP"}, nearServers(near, 90, 2)...),
		service(at2(80), []string{"lb_algo wlc", "lb_kind NAT", "protocol TCP"}, "198.51.100.11 8080 5",
			"198.51.100.12 8080 0"),
		service(at2(85), []string{"lb_algo rr", "lb_kind TUN", "protocol TCP"}, nearServers(near, 85, 2)...),
		service(at2(86), []string{"lb_algo rr", "lb_kind TUN type gue port 6080 csum", "protocol TCP"},
			nearServers(near, 86, 2)...),
		service(at2(87), []string{"lb_algo rr", "lb_kind TUN type gre", "protocol TCP"}, nearServers(near, 87, 2)...),
		service(shopVIP6+" 81", dr("sed", "persistence_timeout 60", "persistence_granularity 64"),
			nearServers(near6, 81, 2)...),
		service("fwmark 5", []string{"lb_algo nq", "lb_kind DR"}, "192.0.2.11 0", "192.0.2.12 0"),
		service("fwmark 6", []string{"ip_family inet6", "lb_algo fo", "lb_kind DR"}, near6+"11 0", near6+"12 0"),
	)
	same := func(when string, list, save string) {
		t.Helper()
		if diff := cmp.Diff(lines(save), lines(s.director.Run(s.daemon.AskCommand("ipvs", "-Sn")...))); diff != "" {
			t.Errorf("%s: ipvsadm -Sn and director ipvs -Sn (-want +got):\n%s", when, diff)
		}
		if diff := cmp.Diff(lines(list), lines(s.director.Run(s.daemon.AskCommand("ipvs", "-Ln")...))); diff != "" {
			t.Errorf("%s: ipvsadm -Ln and director ipvs -Ln (-want +got):\n%s", when, diff)
		}
	}
	saved := stage.RunIpvsadm(s.director, "-Sn")
	same("the table", stage.RunIpvsadm(s.director, "-Ln"), saved)
	t.Logf("ipvsadm -Sn:\n%s", saved)
	reported := s.director.Run(append([]string{"sh", "-c", `"$@" 2>/dev/null | tar -xzO --wildcards '*/ipvs.txt'`, "sh"},
		s.daemon.AskCommand("report", "-o", "-")...)...)
	if diff := cmp.Diff(lines(saved), lines(reported)); diff != "" {
		t.Errorf("ipvsadm -Sn and the table of director report (-want +got):\n%s", diff)
	}
	text := s.director.Run(s.daemon.AskCommand("ipvs", "-Ln")...)
	t.Logf("director ipvs -Ln:\n%s", text)
	if strings.Contains(text, "# not director's") || !strings.Contains(text, "# director's") {
		t.Error("director ipvs does not name the owner of the services")
	}
	s.ipvsadm("-A -t %s -s rr", at(9999))
	if text := s.director.Run(s.daemon.AskCommand("ipvs", "-Ln")...); strings.Count(text, "# not director's") != 1 {
		t.Errorf("director ipvs does not say that a service is not director's:\n%s", text)
	}
	s.ipvsadm("-D -t %s", at(9999))

	file := s.director.WriteFile("table.save", saved)
	made, err := s.director.Output(s.daemon.AskCommand("ipvs", "import", file)...)
	if err != nil {
		t.Fatalf("director ipvs import: %v\n%s", err, made)
	}
	s.daemon.Stop(20 * time.Second)
	if left := stage.RunIpvsadm(s.director, "-Sn"); left != "" {
		t.Fatalf("director failed to remove, still present:\n%s", left)
	}
	var conf strings.Builder
	for line := range strings.Lines(made) {
		if !strings.HasPrefix(line, "director: note:") {
			conf.WriteString(line)
		}
	}
	s.daemon = pair.Start(t, stage.Director(), s.director, conf.String())
	want := lines(saved)
	s.Until(15*time.Second, "as many lines are there again", func() bool {
		return len(lines(stage.RunIpvsadm(s.director, "-Sn"))) >= len(want)
	})
	if diff := cmp.Diff(want, lines(stage.RunIpvsadm(s.director, "-Sn"))); diff != "" {
		t.Errorf("the table of the imported configuration (-want +got):\n%s\n%s", diff, made)
	}
	// An incomplete text is refused.
	bad := s.director.WriteFile("bad.save", saved+"-a -t 192.0.2.1:80 -r\n")
	if out, err := s.director.Output(s.daemon.AskCommand("ipvs", "import", bad)...); err == nil ||
		strings.Contains(out, "virtual_server ") {
		t.Errorf("import of a cut file: %v\n%s", err, out)
	}
}
