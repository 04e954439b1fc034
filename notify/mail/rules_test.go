package mail_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/mail"
)

// site has two instances, a group and a virtual server; global and the others are added to its blocks.
func site(t *testing.T, global, instance, service, server string) *conf.Config {
	t.Helper()
	text := `global_defs {
    router_id R1
    notification_email { a@example.org b@example.org }
    smtp_server 192.0.2.25 2525
    ` + global + `
}
vrrp_sync_group G {
    group {
        VI_1
        VI_2
    }
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    ` + instance + `
    virtual_ipaddress {
        192.0.2.1
    }
}
vrrp_instance VI_2 {
    interface eth0
    virtual_router_id 52
    virtual_ipaddress {
        192.0.2.2
    }
}
virtual_server 192.0.2.10 80 {
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    ` + service + `
    real_server 10.0.0.1 80 {
        ` + server + `
        TCP_CHECK {
        }
    }
    real_server 10.0.0.2 80 {
        TCP_CHECK {
        }
    }
}
`
	cfg, findings := load.LoadText("mail.conf", text, load.Options{})
	if conf.HasErrors(findings) {
		t.Fatal(findings)
	}
	return cfg
}

const (
	vs = "[192.0.2.10]:tcp:80"
	rs = "[10.0.0.1]:tcp:80"
)

func told(kind notify.Kind, name, state string) notify.Happening {
	h := notify.Happening{At: time.Now(), Kind: kind, Name: name, State: state, Reason: "because"}
	switch kind {
	case notify.Instance:
		h.ID = map[string]string{"VI_1": "eth0/ipv4/51", "VI_2": "eth0/ipv4/52"}[name]
	case notify.RealServer:
		h.VirtualServer = vs
		h.Reason = "TCP_CHECK 10.0.0.1:80: connection refused"
	}
	return h
}

// play tells rules a list of "kind name state" and returns what is mailed of it.
func play(t *testing.T, r *mail.Rules, list ...string) (subjects []string) {
	t.Helper()
	kinds := map[string]notify.Kind{"I": notify.Instance, "G": notify.Group,
		"V": notify.VirtualServer, "R": notify.RealServer}
	for _, text := range list {
		w := strings.Fields(text)
		if n, news := r.Told(told(kinds[w[0]], w[1], w[2])); news {
			subjects = append(subjects, n.Subject+" "+n.Body)
		}
	}
	return subjects
}

const (
	iMaster = "VRRP Instance VI_1 - Entering MASTER state => VRRP Instance is now owning VRRP VIPs <="
	iBackup = "VRRP Instance VI_1 - Entering BACKUP state => VRRP Instance is no longer owning VRRP VIPs <="
	iFault  = "VRRP Instance VI_1 - Entering FAULT state => VRRP Instance is no longer owning VRRP VIPs <="
	iStop   = "VRRP Instance VI_1 - Stopping => VRRP Instance stopping <="
	rDown   = "Realserver " + rs + " of virtual server " + vs + " - DOWN => TCP CHECK failed on service <="
	rUp     = "Realserver " + rs + " of virtual server " + vs + " - UP => TCP CHECK succeed on service <="
	vUp     = "Virtualserver " + vs + " - UP => "
)

// TestWhoMailsWhen: the defaults of keepalived, its subjects and its lines (seen of keepalived 2.2.7).
func TestWhoMailsWhen(t *testing.T) {
	all := []string{"I VI_1 BACKUP", "I VI_1 MASTER", "G G MASTER", "I VI_1 FAULT", "I VI_1 BACKUP", "V " + vs + " UP",
		"R " + rs + " DOWN", "R " + rs + " UP", "V " + vs + " DOWN", "I VI_1 STOP", "G G STOP"}
	start := vUp + "Starting with quorum up <="
	lost := "Virtualserver " + vs + " - DOWN => Lost quorum <="
	group := "VRRP Group G - Entering MASTER state => All VRRP group instances are now in MASTER state <="
	groupStop := "VRRP Group G - Stopping => All VRRP group instances are now stopping <="
	for _, c := range []struct {
		name                              string
		global, instance, service, server string
		want                              []string
	}{
		{"nothing said", "", "", "", "", []string{rDown, rUp}},
		{"everything", "smtp_alert", "", "", "",
			[]string{iMaster, group, iFault, iBackup, start, rDown, rUp, lost, iStop, groupStop}},
		{"vrrp", "smtp_alert_vrrp", "", "", "", []string{iMaster, group, iFault, iBackup, rDown, rUp, iStop, groupStop}},
		{"vrrp but this one", "smtp_alert_vrrp", "smtp_alert false", "", "", []string{group, rDown, rUp, groupStop}},
		{"this instance", "", "smtp_alert", "", "", []string{iMaster, iFault, iBackup, rDown, rUp, iStop}},
		{"checkers", "smtp_alert_checker", "", "", "", []string{start, rDown, rUp, lost}},
		{"no checkers", "smtp_alert_checker false", "", "", "", nil},
		{"no faults", "smtp_alert_vrrp\n no_email_faults\n smtp_alert_checker false", "", "", "",
			[]string{iMaster, group, iBackup, iStop, groupStop}},
		{"this server", "", "", "smtp_alert", "", []string{start, rDown, rUp, lost}},
		{"not this server", "", "", "smtp_alert false", "", nil},
		{"not this real server", "", "", "", "smtp_alert false", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := mail.NewRules()
			r.Apply(site(t, c.global, c.instance, c.service, c.server))
			if got := play(t, r, all...); strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("mailed:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestNeverTwiceTheSameState of an instance: the last one that was mailed counts, not the last one.
func TestNeverTwiceTheSameState(t *testing.T) {
	r := mail.NewRules()
	r.Apply(site(t, "smtp_alert_vrrp\n no_email_faults", "", "", ""))
	got := play(t, r, "I VI_1 MASTER", "I VI_1 FAULT", "I VI_1 MASTER", "I VI_1 MASTER_RX_LOWER_PRI",
		"I VI_1 MASTER_PRIORITY",
		"I VI_1 BACKUP", "I VI_1 FAULT", "I VI_1 BACKUP")
	if want := iMaster + "\n" + iBackup; strings.Join(got, "\n") != want {
		t.Errorf("mailed:\n%s", strings.Join(got, "\n"))
	}
	again := told(notify.Instance, "VI_1", "FAULT")
	again.Again, again.State = true, "MASTER"
	if n, news := r.Told(again); news {
		t.Errorf("a state that was told again is mailed: %+v", n)
	}
}

// TestGone: what leaves with a reload is mailed as gone, once, and is forgotten with the next one.
func TestGone(t *testing.T) {
	const iDeleted = "VRRP Instance VI_1 - Deleted => VRRP Deleted at reload <="
	for deleted, want := range map[string]string{"": iFault, "notify_deleted": iDeleted} {
		r := mail.NewRules()
		r.Apply(site(t, "smtp_alert", deleted, "omega", ""))
		play(t, r, "I VI_1 MASTER", "V "+vs+" UP")
		empty := &conf.Config{}
		r.Apply(empty)
		state := "FAULT"
		if deleted != "" {
			state = "DELETED"
		}
		got := play(t, r, "I VI_1 "+state, "R "+rs+" DOWN", "V "+vs+" DOWN")
		wanted := []string{want, strings.Replace(rDown, "TCP CHECK failed on service", "Removing", 1),
			"Virtualserver " + vs + " - DOWN => Removing <="}
		if strings.Join(got, "\n") != strings.Join(wanted, "\n") {
			t.Errorf("mailed:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(wanted, "\n"))
		}
		r.Apply(empty)
		if got := play(t, r, "I VI_1 BACKUP", "R "+rs+" UP", "V "+vs+" UP"); len(got) > 0 {
			t.Errorf("mailed of what is gone: %q", got)
		}
	}
}

// TestQuorumWords: the figures of keepalived's log.
func TestQuorumWords(t *testing.T) {
	r := mail.NewRules()
	r.Apply(site(t, "smtp_alert", "", "", ""))
	for _, c := range []struct {
		up   bool
		want string
	}{{true, "Starting with quorum up 2+1=3 <= 4"}, {false, "Lost quorum 2-1=1 > 0"}, {true, "Gained quorum 2+1=3 <= 4"}} {
		s := event.VirtualServerState{VirtualServer: vs, Quorum: c.up, Limit: 2, Hysteresis: 1}
		state := "DOWN"
		if c.up {
			s.Weights, state = 4, "UP"
		}
		r.VirtualServer(s)
		if got := play(t, r, "V "+vs+" "+state); len(got) != 1 || !strings.HasSuffix(got[0], "=> "+c.want+" <=") {
			t.Errorf("mailed %q, want %q", got, c.want)
		}
	}
	r.Stop()
	if got := play(t, r, "V "+vs+" DOWN"); len(got) != 1 || !strings.HasSuffix(got[0], "=> Shutting down <=") {
		t.Errorf("mailed %q at the stop", got)
	}
}

// TestNextProgramKnows what was mailed, also of a program that knew no mail.
func TestNextProgramKnows(t *testing.T) {
	cfg := site(t, "smtp_alert", "", "", "")
	first := mail.NewRules()
	first.Apply(cfg)
	play(t, first, "I VI_1 MASTER", "G G MASTER", "V "+vs+" UP")
	before := mail.Before([]event.InstanceState{{ID: "eth0/ipv4/51", State: event.Master}},
		[]event.GroupState{{Group: "G", State: event.Master}}, []event.VirtualServerState{{VirtualServer: vs}})
	for name, m := range map[string]mail.Memory{"handed over": first.Memory(), "seen": *before} {
		next := mail.NewRules()
		next.Apply(cfg)
		next.Recall(m)
		got := strings.Join(play(t, next, "I VI_1 MASTER", "G G MASTER", "I VI_1 BACKUP", "V "+vs+" UP"), "\n")
		if got != iBackup+"\n"+vUp+"Gained quorum <=" {
			t.Errorf("%s: mailed:\n%s", name, got)
		}
	}
}
