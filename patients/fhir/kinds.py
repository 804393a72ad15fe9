"""What becomes of each FHIR resource type: the one table of decisions.

| type | becomes |
|---|---|
| Claim, ExplanationOfBenefit | skipped by design: billing, which no clinician or patient asks for |
| Provenance | skipped by design: the history of the export, not of the patient |
| Patient | a Patient with its identifiers |
| Practitioner | a Practitioner, not offered for booking |
| ABOUT_A_PATIENT | a ClinicalRecord of the patient it names, or of the only patient in its bundle |
| SHARED | a ClinicalRecord when it names a patient (a device, a list), otherwise a SharedResource |
| Bundle inside a bundle or on a line of NDJSON | opened; its entries are counted |
| anything else | quarantined: FHIR has no such type |

SHARED holds organisations, places, medicines, devices, agendas, terminology, and what only carries a message
(MessageHeader, OperationOutcome, Parameters, Binary): kept whole, so that nothing but the first two rows is left out.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SKIPPED = {
    "Claim": "billing",
    "ExplanationOfBenefit": "billing",
    "Provenance": "history of the export",
}

ABOUT_A_PATIENT = _names(
    """
    Account AdverseEvent AllergyIntolerance Appointment AppointmentResponse BodyStructure CarePlan CareTeam
    ChargeItem ClaimResponse ClinicalImpression ClinicalUseIssue Communication CommunicationRequest Composition
    Condition Consent Contract Coverage CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue
    DeviceAssociation DeviceDispense DeviceRequest DeviceUsage DeviceUseStatement DiagnosticReport
    DocumentManifest DocumentReference Encounter EncounterHistory EnrollmentRequest EpisodeOfCare
    FamilyMemberHistory Flag GenomicStudy Goal GuidanceResponse ImagingSelection ImagingStudy Immunization
    ImmunizationEvaluation ImmunizationRecommendation Invoice Media MedicationAdministration MedicationDispense
    MedicationRequest MedicationStatement MedicationUsage MolecularSequence NutritionIntake NutritionOrder
    Observation Procedure QuestionnaireResponse RelatedPerson RequestGroup RequestOrchestration ResearchSubject
    RiskAssessment ServiceRequest Specimen SupplyDelivery SupplyRequest VisionPrescription MedicationOrder
    DiagnosticOrder ProcedureRequest ReferralRequest DeviceUseRequest Order
    """
)

SHARED = _names(
    """
    ActivityDefinition ActorDefinition AdministrableProductDefinition ArtifactAssessment AuditEvent Basic Binary
    BiologicallyDerivedProduct BiologicallyDerivedProductDispense CapabilityStatement CatalogEntry
    ChargeItemDefinition Citation ClinicalUseDefinition CodeSystem CompartmentDefinition ConceptMap
    ConditionDefinition Conformance DataElement Device DeviceAlert DeviceComponent DeviceDefinition DeviceMetric
    EffectEvidenceSynthesis Endpoint EnrollmentResponse EventDefinition Evidence EvidenceReport EvidenceVariable
    ExampleScenario ExpansionProfile FormularyItem GraphDefinition Group HealthcareService ImplementationGuide
    Ingredient InsurancePlan InsuranceProduct InventoryItem InventoryReport Library Linkage List Location
    ManufacturedItemDefinition Measure MeasureReport Medication MedicationKnowledge MedicinalProduct
    MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductDefinition
    MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction
    MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical
    MedicinalProductUndesirableEffect MessageDefinition MessageHeader NamingSystem NutritionProduct
    ObservationDefinition OperationDefinition OperationOutcome Organization OrganizationAffiliation
    PackagedProductDefinition Parameters PaymentNotice PaymentReconciliation Permission Person
    PersonalRelationship PlanDefinition PractitionerRole ProcessRequest ProcessResponse Questionnaire
    RegulatedAuthorization Requirements ResearchDefinition ResearchElementDefinition ResearchStudy
    RiskEvidenceSynthesis Schedule SearchParameter Sequence ServiceDefinition Slot SpecimenDefinition
    StructureDefinition StructureMap Subscription SubscriptionStatus SubscriptionTopic Substance
    SubstanceDefinition SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
    SubstanceSourceMaterial SubstanceSpecification Task TerminologyCapabilities TestPlan TestReport TestScript
    Transport ValueSet VerificationResult
    """
)

KNOWN = ABOUT_A_PATIENT | SHARED | SKIPPED.keys() | {"Patient", "Practitioner", "Bundle"}

# Within one run what others refer to comes first, so that names and owners are known when they are asked for.
FIRST = {"Organization": 0, "Location": 0, "Practitioner": 0, "PractitionerRole": 0, "Medication": 0, "Patient": 1}


def rank(resource_type: str) -> int:
    """Where files and lines of a type stand in a run: what others refer to, then patients, bundles, the rest."""
    return FIRST.get(resource_type, 2 if resource_type in {"Bundle", ""} else 3)
