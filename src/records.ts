// Made by `bun run schema types` from the newest schema of each record: do not edit.

export type LoanApplication = {
  /** Identifies the application, by convention a UUID. Not empty. Key of the decision. */
  application_id: string
  /** When the applicant sent it, UTC. Unit: µs since 1970-01-01. */
  submitted_at: number | bigint
  /**
   * First digit of the postal code. A proxy: for partitioning and monitoring, never a feature of a
   * model.
   */
  region: string
  /** Amount applied for. Usually 1,000 to 35,000. Unit: USD. */
  loan_amount: number
  /** Stated income. Usually 1,700 to 4,000,000. Unit: USD a year. */
  annual_income: number
  /** FICO, upper end of the reported range. Usually 664 to 850. Unit: points. */
  credit_score: number
  /** Monthly debt payments over monthly income. Usually 0 to 100. Unit: percent. */
  debt_to_income: number
  /**
   * Years in the present employment, 10 means 10 or more. Null: unknown. Usually 0 to 10. Unit:
   * years.
   */
  employment_years: null | number
  /** Payments 30 or more days late in the last 2 years. Usually 0 to 15. Unit: count. */
  delinquencies_2y: number
  /** Months since the last late payment. Null: never. Usually 0 to 116. Unit: months. */
  months_since_delinquency: null | number
  /** Credit inquiries in the last 6 months. Usually 0 to 5. Unit: count. */
  inquiries_6m: number
  /** Open credit lines. Usually 1 to 55. Unit: count. */
  open_accounts: number
  /** Credit lines ever opened. Usually 4 to 98. Unit: count. */
  total_accounts: number
  /** Derogatory public records. Usually 0 to 23. Unit: count. */
  public_records: number
  /** Bankruptcies on public record. Usually 0 to 8. Unit: count. */
  bankruptcies: number
  /** Balance over all revolving accounts. Usually 0 to 570,000. Unit: USD. */
  revolving_balance: number
  /**
   * Revolving balance over revolving limit. Null: no revolving account. Usually 0 to 135. Unit:
   * percent.
   */
  revolving_utilization: null | number
  /** Mortgages. Usually 0 to 18. Unit: count. */
  mortgage_accounts: number
  /** Balance over all accounts. Usually 0 to 2,100,000. Unit: USD. */
  total_balance: number
  /** Credit limit over all revolving accounts. Usually 0 to 600,000. Unit: USD. */
  revolving_limit: number
  /** Accounts opened in the last 24 months. Usually 0 to 50. Unit: count. */
  accounts_opened_24m: number
  /** Months since the oldest revolving account was opened. Usually 6 to 710. Unit: months. */
  months_since_oldest_revolving: number
  /** Average balance an account. Usually 0 to 240,000. Unit: USD. */
  average_balance: number
  /**
   * Bank card balance over bank card limit. Null: no bank card. Usually 0 to 140. Unit: percent.
   */
  bankcard_utilization: null | number
  /** Revolving accounts in use. Usually 0 to 31. Unit: count. */
  active_revolving_accounts: number
}

export type LoanDecision = {
  /** The application's. */
  application_id: string
  /** Approved, rejected, or referred to a person. */
  decision: Decision
  /**
   * The model's raw score: log-odds of default. Equal to the trainer's to the last bit. The
   * decision rests on it. Unit: log-odds.
   */
  margin: number
  /** The margin as a probability, 0 to 1. */
  probability_of_default: number
  /** The margin on the policy's scorecard scale: higher is better. Unit: points. */
  score: number
  /** Why it was not approved, in the policy's order. Empty when approved. */
  reasons: Reason[]
  /** SHA-256 of the model's manifest.json, which holds the SHA-256 of the trainer's model. */
  model: Uint8Array
  /** SHA-256 of the policy file. */
  policy: Uint8Array
  /**
   * CRC-64-AVRO fingerprint of the schema the application was written with, most significant byte
   * first.
   */
  schema: Uint8Array
  /** Where the application lay: topic. */
  topic: string
  /** Where the application lay: partition. */
  partition: number
  /** Where the application lay: offset. */
  offset: number | bigint
}

export type Decision = 'approved' | 'rejected' | 'referred'

export type Reason = {
  /** The policy's reason code. */
  code: string
  /** Fields of the application the reason rests on. */
  fields: string[]
}
