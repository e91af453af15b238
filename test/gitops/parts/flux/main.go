// Program flux-judge says what Flux makes of an object by given health check expressions.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// question is one line of input: an object, and the expressions that are to say how healthy it is.
type question struct {
	Object      json.RawMessage                  `json:"object"`
	Expressions kustomize.HealthCheckExpressions `json:"expressions"`
}

// verdict is one line of output.
type verdict struct {
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
}

func main() {
	decoder, encoder := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var asked question
		err := decoder.Decode(&asked)
		if err == io.EOF {
			return
		}
		if err == nil {
			err = encoder.Encode(answer(asked))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// Flux waits on what it cannot evaluate, as on what is in progress, until its time is over.
func answer(asked question) verdict {
	// As a client of the API server does: whole numbers are whole.
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(asked.Object); err != nil {
		return verdict{Error: err.Error()}
	}
	evaluator, err := cel.NewStatusEvaluator(&asked.Expressions)
	if err != nil {
		return verdict{Error: err.Error()}
	}
	result, err := evaluator.Evaluate(context.Background(), object)
	if err != nil {
		return verdict{Status: "Unknown", Error: err.Error()}
	}
	return verdict{Status: result.Status.String()}
}
