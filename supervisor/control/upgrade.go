package control

// UpgradeRequest is what POST /v1/upgrade is given.
type UpgradeRequest struct {
	// Binary is an absolute path; empty is where the running program came from.
	Binary string `json:"binary,omitempty"`
}

// UpgradeReport is how an upgrade goes on; the next program answers as well.
type UpgradeReport struct {
	Schema
	Version  string `json:"version"`
	Pid      int    `json:"pid"`
	Upgrades int    `json:"upgrades"` // that brought this program here
	Busy     bool   `json:"busy"`     // an upgrade is under way, or workers are being replaced
	Error    string `json:"error,omitempty"`
	// Replaced are the workers that the last one has replaced.
	Replaced []string `json:"replaced,omitempty"`
}
