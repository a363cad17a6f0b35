/**
 * The messages of the Open Inference Protocol v2 over gRPC, as far as Locum asks: `inference.GRPCInferenceService` with
 * Triton's repository, configuration and statistics, and `grpc.health.v1.Health`. Fields that are not read are left
 * out; a reader skips them.
 */
export const oipV2Proto = `
syntax = "proto3";
package inference;

message Empty {}
message Named { string name = 1; string version = 2; }
message Live { bool live = 1; }
message Ready { bool ready = 1; }

message ServerMetadata { string name = 1; string version = 2; repeated string extensions = 3; }

message ModelMetadata {
  message Spec { string name = 1; string datatype = 2; repeated int64 shape = 3; }
  string name = 1;
  repeated string versions = 2;
  string platform = 3;
  repeated Spec inputs = 4;
  repeated Spec outputs = 5;
}

message Parameter {
  oneof choice {
    bool bool_param = 1;
    int64 int64_param = 2;
    string string_param = 3;
    double double_param = 4;
  }
}

message Contents {
  repeated bool bool_contents = 1;
  repeated int32 int_contents = 2;
  repeated int64 int64_contents = 3;
  repeated uint32 uint_contents = 4;
  repeated uint64 uint64_contents = 5;
  repeated float fp32_contents = 6;
  repeated double fp64_contents = 7;
  repeated bytes bytes_contents = 8;
}

message Infer {
  message Input {
    string name = 1;
    string datatype = 2;
    repeated int64 shape = 3;
    map<string, Parameter> parameters = 4;
    Contents contents = 5;
  }
  message Wanted { string name = 1; map<string, Parameter> parameters = 2; }
  string model_name = 1;
  string model_version = 2;
  string id = 3;
  map<string, Parameter> parameters = 4;
  repeated Input inputs = 5;
  repeated Wanted outputs = 6;
  repeated bytes raw_input_contents = 7;
}

message ModelConfig {
  message Switch { bool enable = 1; }
  message Config { Switch response_cache = 24; }
  Config config = 1;
}

message Statistics {
  message Duration { uint64 count = 1; }
  message Infer { Duration success = 1; Duration fail = 2; }
  message Model { Infer inference_stats = 6; }
  repeated Model model_stats = 1;
}

message Index {
  message Model { string name = 1; string version = 2; string state = 3; }
  repeated Model models = 1;
}

message Load { string repository_name = 1; string model_name = 2; }
// KServe's Python server numbers the same request otherwise, and answers whether it did it.
message KserveLoad { string model_name = 1; }
message KserveLoaded { string model_name = 1; bool done = 2; }

message HealthCheck { string service = 1; }
message Health { int32 status = 1; }
`;
