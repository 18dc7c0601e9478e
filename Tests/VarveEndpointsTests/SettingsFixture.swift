/// What the command line of AWS prints of a table that has everything.
enum SettingsFixture {
    static let all = [table, timeToLive, tags, continuousBackups]

    static let table = """
        {"Table": {
          "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
            {"AttributeName": "city", "AttributeType": "S"},
            {"AttributeName": "local", "AttributeType": "B"}],
          "TableName": "orders",
          "KeySchema": [
            {"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
          "TableStatus": "ACTIVE", "CreationDateTime": 1700000000.123,
          "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 5,
            "WriteCapacityUnits": 6},
          "TableSizeBytes": 1000, "ItemCount": 10,
          "TableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
          "TableId": "11111111-2222-3333-4444-555555555555",
          "LocalSecondaryIndexes": [{"IndexName": "by-local",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"},
              {"AttributeName": "local", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"}, "IndexSizeBytes": 0, "ItemCount": 0,
            "IndexArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/index/by-local"}],
          "GlobalSecondaryIndexes": [{"IndexName": "by-city",
            "KeySchema": [{"AttributeName": "city", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a", "b"]},
            "IndexStatus": "ACTIVE",
            "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 1,
              "WriteCapacityUnits": 2},
            "IndexSizeBytes": 0, "ItemCount": 0,
            "IndexArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/index/by-city"}],
          "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
          "LatestStreamLabel": "2025-01-01T00:00:00.000",
          "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS",
            "KMSMasterKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/abc"},
          "TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
          "DeletionProtectionEnabled": true
        }}
        """

    static let timeToLive = """
        {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}}
        """

    static let tags = """
        {"Tags": [{"Key": "team", "Value": "Bob's"}, {"Key": "aws:x", "Value": "y"}]}
        """

    static let continuousBackups = """
        {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED",
          "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": 35, "EarliestRestorableDateTime": 1.5}}}
        """
}
