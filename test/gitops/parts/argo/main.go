// Program argo is the parts of Argo CD that the GitOps tests need, in one binary that acts after the name it is called by.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	askpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/argoproj/argo-cd/v3/util/lua"
)

// question is one line of argo-judge's input: an object, and the script that is to say how healthy it is.
type question struct {
	Object json.RawMessage `json:"object"`
	Script string          `json:"script"`
}

// verdict is one line of argo-judge's output.
type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
	Error   string `json:"error,omitempty"`
}

var parts = map[string]func() *cobra.Command{
	"argocd-application-controller": controller.NewCommand,
	"argocd-repo-server":            reposerver.NewCommand,
	"argocd-git-ask-pass":           askpass.NewCommand,
}

func main() {
	name := filepath.Base(os.Args[0])
	var err error
	if part, found := parts[name]; found {
		err = part().Execute()
	} else if name == "argo-judge" {
		err = judge(os.Stdin, os.Stdout)
	} else {
		err = fmt.Errorf("there is no part `%s`", name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge(in io.Reader, out io.Writer) error {
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var asked question
		if err := decoder.Decode(&asked); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := encoder.Encode(answer(asked)); err != nil {
			return err
		}
	}
}

// The object is decoded as a client of the API server does; the libraries are those that Argo CD gives to a script of argocd-cm.
func answer(asked question) verdict {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(asked.Object); err != nil {
		return verdict{Error: err.Error()}
	}
	health, err := lua.VM{}.ExecuteHealthLua(object, asked.Script)
	if err != nil {
		return verdict{Error: err.Error()}
	}
	return verdict{Status: string(health.Status), Message: health.Message}
}
