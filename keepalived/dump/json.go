package dump

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
)

// JSON is keepalived.json: in version 1 an array of the instances, in version 2 an object that has
// the array and the tracked processes. It is compact, without a newline at its end.
func JSON(f *Facts, version int) ([]byte, error) {
	list := make([]entry, len(f.Instances))
	for n := range f.Instances {
		i := &f.Instances[n]
		list[n] = entry{f.data(i), Counted(i.Counters)}
	}
	var v any = list
	if version == 2 {
		v = second{list, f.trackProcesses()}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("writing the dump as JSON: %w", err)
	}
	// A slash is only in texts, where keepalived writes it like this.
	return bytes.ReplaceAll(bytes.TrimSuffix(b.Bytes(), []byte("\n")), []byte("/"), []byte(`\/`)), nil
}

type second struct {
	VRRP      []entry   `json:"vrrp"`
	Processes []process `json:"track_process"`
}

type entry struct {
	Data  data   `json:"data"`
	Stats Counts `json:"stats"`
}

// data is an instance, in the order of keepalived's JSON. Numbers for yes and no are keepalived's.
type data struct {
	Name                 string      `json:"iname"`
	DontTrackPrimary     int         `json:"dont_track_primary"`
	SkipCheckAddresses   int         `json:"skip_check_adv_addr"`
	Strict               int         `json:"strict_mode"`
	VMAC                 string      `json:"vmac_ifname"`
	Interface            string      `json:"ifp_ifname"`
	MasterPriority       int         `json:"master_priority"`
	LastTransition       json.Number `json:"last_transition"`
	GARPDelay            float64     `json:"garp_delay"`
	GARPRefresh          int         `json:"garp_refresh"`
	GARPRepeat           int         `json:"garp_rep"`
	GARPRefreshRepeat    int         `json:"garp_refresh_rep"`
	GARPLowerDelay       int         `json:"garp_lower_prio_delay"`
	GARPLowerRepeat      int         `json:"garp_lower_prio_rep"`
	LowerPrioNoAdvert    int         `json:"lower_prio_no_advert"`
	HigherPrioSendAdvert int         `json:"higher_prio_send_advert"`
	VRID                 int         `json:"vrid"`
	Base                 int         `json:"base_priority"`
	Effective            int         `json:"effective_priority"`
	Set                  bool        `json:"vipset"`
	PromoteSecondaries   bool        `json:"promote_secondaries"`
	Interval             float64     `json:"adver_int"`
	MasterInterval       float64     `json:"master_adver_int"`
	Accept               int         `json:"accept"`
	NoPreempt            bool        `json:"nopreempt"`
	PreemptDelay         float64     `json:"preempt_delay"`
	State                int         `json:"state"`
	Wanted               int         `json:"wantstate"`
	Version              int         `json:"version"`
	SMTPAlert            bool        `json:"smtp_alert"`
	SayDeleted           bool        `json:"notify_deleted"`
	Backup               string      `json:"script_backup,omitempty"`
	Master               string      `json:"script_master,omitempty"`
	Fault                string      `json:"script_fault,omitempty"`
	Stop                 string      `json:"script_stop,omitempty"`
	Deleted              string      `json:"script_deleted,omitempty"`
	Any                  string      `json:"script,omitempty"`
	RxLowerPriority      string      `json:"script_master_rx_lower_pri,omitempty"`
	Addresses            []string    `json:"vips,omitempty"`
	Excluded             []string    `json:"evips,omitempty"`
	Routes               []string    `json:"vroutes,omitempty"`
	Rules                []string    `json:"vrules,omitempty"`
	TrackInterfaces      []string    `json:"track_ifp,omitempty"`
	TrackScripts         []string    `json:"track_script,omitempty"`
	TrackProcesses       []string    `json:"track_process,omitempty"`
	AuthType             int         `json:"auth_type"`
	AuthData             string      `json:"auth_data,omitempty"`
}

func (f *Facts) data(i *Instance) data {
	c := i.Config
	d := data{
		Name: c.Name, DontTrackPrimary: one(c.DontTrackPrimary), SkipCheckAddresses: one(c.SkipCheckAdvertAddress),
		Strict: one(c.Strict), Interface: i.Device, LastTransition: json.Number(unix(i.State.Since)),
		GARPDelay: c.GARP.MasterDelay.Seconds(), GARPRefresh: seconds(c.GARP.MasterRefresh), GARPRepeat: c.GARP.MasterRepeat,
		GARPRefreshRepeat: c.GARP.RefreshRepeat, GARPLowerDelay: seconds(c.GARP.LowerPrioDelay),
		GARPLowerRepeat: c.GARP.LowerPrioRepeat, LowerPrioNoAdvert: one(c.LowerPrioNoAdvert),
		HigherPrioSendAdvert: one(c.HigherPrioSendAdvert), VRID: int(c.VRID), Base: int(c.Priority),
		Effective: i.effective(), Set: i.vipSet(), PromoteSecondaries: c.PromoteSecondaries,
		Interval: c.AdvertInterval.Seconds(), MasterInterval: c.AdvertInterval.Seconds(), Accept: one(!c.NoAccept),
		NoPreempt: !c.Preempt, PreemptDelay: rounded(c.PreemptDelay), State: f.number(i), Wanted: int(i.wanted()),
		Version: int(c.Version), SMTPAlert: c.SMTPAlert.Bool(false), SayDeleted: c.Notify.SayDeleted,
		Backup: command(c.Notify.Backup), Master: command(c.Notify.Master), Fault: command(c.Notify.Fault),
		Stop: command(c.Notify.Stop), Deleted: command(c.Notify.Deleted), Any: command(c.Notify.Any),
		RxLowerPriority: command(c.Notify.RxLowerPriority), Addresses: words(i.Addresses), Excluded: words(i.Excluded),
		AuthType: int(c.Auth.Type),
	}
	if d.Interface == "" {
		d.Interface = c.Interface
	}
	if d.Interface != c.Interface {
		d.VMAC = d.Interface
	}
	if c.Auth.Type != conf.NoAuth {
		d.AuthData = stars
	}
	for n := range c.Routes {
		d.Routes = append(d.Routes, route(&c.Routes[n]))
	}
	for _, r := range c.Rules {
		d.Rules = append(d.Rules, rule(r))
	}
	for _, t := range c.TrackInterfaces {
		d.TrackInterfaces = append(d.TrackInterfaces, t.Name)
	}
	for _, t := range c.TrackScripts {
		for _, s := range f.Config.Scripts {
			if s.Name == t.Name {
				d.TrackScripts = append(d.TrackScripts, command(s.Script))
			}
		}
	}
	for _, t := range c.TrackProcesses {
		d.TrackProcesses = append(d.TrackProcesses, t.Name)
	}
	return d
}

func words(list []Address) []string {
	var all []string
	for n := range list {
		all = append(all, list[n].words())
	}
	return all
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// rounded is a time in seconds, to the microsecond.
func rounded(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }

// process is a vrrp_track_process.
type process struct {
	Name    string `json:"name"`
	Process string `json:"process"`
	Quorum  int    `json:"quorum"`
	Have    bool   `json:"have_quorum"`
	Weight  int    `json:"weight"`
}

func (f *Facts) trackProcesses() []process {
	list := make([]process, 0, len(f.Config.Processes))
	for _, p := range f.Config.Processes {
		words := strings.Join(conf.MaskArguments(p.Argv), " ")
		list = append(list, process{p.Name, words, p.Quorum, f.Processes[p.Name].State.Up, p.Weight})
	}
	return list
}
